/** The scripted model server as Codex wants to have it: with the total in the usage of an answer. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { startModelServer, type ModelServer } from "./modelServer.ts";

export async function startCodexModelServer(): Promise<ModelServer> {
  const scripted = await startModelServer();
  const relay = async (request: IncomingMessage, response: ServerResponse) => {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const path = (request.url ?? "").replace(/^\/v1/, "");
    const answer = await fetch(`${scripted.baseUrl}${path}`, {
      method: request.method ?? "GET",
      headers: { "content-type": "application/json" },
      ...(request.method === "POST" && { body: Buffer.concat(chunks) }),
      signal: gone.signal,
    });
    response.writeHead(answer.status, {
      "content-type": answer.headers.get("content-type") ?? "text/plain",
    });
    response.flushHeaders();
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) {
      response.write(withTotal(decoder.decode(chunk, { stream: true })));
    }
    response.end();
  };
  const server = createServer((request, response) => {
    relay(request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    ...scripted,
    baseUrl: `http://127.0.0.1:${port}/v1`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      await scripted.close();
    },
  };
}

function withTotal(text: string): string {
  if (text.includes('"total_tokens"')) return text;
  return text.replace(
    /"usage":\{"input_tokens":(\d+),"output_tokens":(\d+)/,
    (usage, input, output) => `${usage},"total_tokens":${Number(input) + Number(output)}`,
  );
}
