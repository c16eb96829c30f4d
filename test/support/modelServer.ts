/**
 * A scripted model server on loopback, for tests: OpenAI chat completions and responses, and
 * Anthropic messages, all as server-sent events. What it answers stands in the prompt: the last
 * user message with a script decides, and each request takes the next step of that script.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { framesFor, refusalBody } from "./modelWire.ts";
import type { ModelApi } from "./modelWire.ts";

/** What one request gets. A step without fields answers an empty text. */
export interface Step {
  text?: string;
  thought?: string;
  /** Pieces that the text comes in; 1 by default. */
  deltas?: number;
  /** Before each piece of the answer. */
  delayMs?: number;
  /** Responses may put a tool into a namespace, such as that of an MCP server. */
  calls?: { id?: string; name: string; namespace?: string; input: unknown }[];
  usage?: { input: number; output: number; cached?: number; cost?: number };
  finish?: "length" | "refusal";
  /** An HTTP status instead of an answer, with the seconds of its retry-after header. */
  status?: number;
  retryAfter?: number;
  /** The provider's own code of that error. */
  errorCode?: string;
  errorText?: string;
  /**
   * After the first piece of the answer the connection breaks (drop), the answer ends as if it were
   * whole (cut), or nothing more ever comes (hang).
   */
  ending?: "drop" | "cut" | "hang";
}

export interface AskedRequest {
  api: ModelApi;
  headers: Record<string, unknown>;
  body: RequestBody;
}

export interface RequestBody {
  model?: string;
  messages?: { role: string; content: unknown }[];
  input?: { role?: string; content?: unknown }[];
  tools?: unknown[];
  [field: string]: unknown;
}

export interface ModelServer {
  /** Ends with /v1. */
  readonly baseUrl: string;
  readonly requests: AskedRequest[];
  readonly counts: { parallel: number; mostParallel: number; hangUps: number };
  close(): Promise<void>;
}

/**
 * A prompt with these steps; the words are for people, and make equal scripts different. A step may
 * hold another script, such as the prompt of a sub-agent.
 */
export function script(words: string, ...steps: Step[]): string {
  const text = JSON.stringify(steps).replaceAll(/<(?=\/?script>)/g, "\\u003c");
  return `${words} <script>${text}</script>`;
}

const withoutScript: Step = { text: "There was no script." };
const afterTheLast: Step = { text: "The script is over." };

const apis: Record<string, ModelApi> = {
  "/v1/chat/completions": "chat",
  "/v1/responses": "responses",
  "/v1/messages": "messages",
};

export async function startModelServer(): Promise<ModelServer> {
  const requests: AskedRequest[] = [];
  const counts = { parallel: 0, mostParallel: 0, hangUps: 0 };
  const taken = new Map<string, number>();

  const stepFor = (body: RequestBody): Step => {
    const found = lastScript(body);
    if (found === undefined) return withoutScript;
    const index = taken.get(found.prompt) ?? 0;
    taken.set(found.prompt, index + 1);
    return found.steps[index] ?? afterTheLast;
  };

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const api = apis[new URL(request.url ?? "/", "http://loopback").pathname];
    if (api === undefined) return void response.writeHead(404).end();
    const body = JSON.parse(await readAll(request)) as RequestBody;
    requests.push({ api, headers: request.headers, body });
    counts.parallel += 1;
    counts.mostParallel = Math.max(counts.mostParallel, counts.parallel);
    response.once("close", () => {
      counts.parallel -= 1;
      if (!response.writableFinished && !response.errored) counts.hangUps += 1;
    });
    await answer(api, stepFor(body), response);
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    requests,
    counts,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function answer(api: ModelApi, step: Step, response: ServerResponse): Promise<void> {
  const { status, retryAfter, delayMs = 0 } = step;
  if (status !== undefined) {
    const wait = retryAfter === undefined ? {} : { "retry-after": String(retryAfter) };
    response.writeHead(status, { "content-type": "application/json", ...wait });
    response.end(JSON.stringify(refusalBody(step)));
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.flushHeaders();
  let pieces = 0;
  for (const { frame, isPiece } of framesFor(api, step)) {
    if (response.closed) return;
    if (isPiece && step.ending !== undefined && pieces > 0) break;
    if (isPiece && delayMs > 0) await pause(delayMs);
    if (isPiece) pieces += 1;
    response.write(frame);
  }
  if (step.ending === "hang") return;
  if (step.ending === "drop") {
    // Only after what was written has gone out: the client must have seen the first piece.
    await new Promise((resolve) => response.write(": bye\n\n", resolve));
    response.destroy(new Error("dropped by the script"));
    return;
  }
  response.end();
}

/** The texts of user messages, in the shape of any of the three. */
function lastScript({ messages, input }: RequestBody) {
  const users = [...(messages ?? input ?? [])].filter(({ role }) => role === "user");
  for (const { content } of users.reverse()) {
    // The words just before it, whatever else the message has come to say.
    const found = /([^\n:]*)<script>(.*?)<\/script>/.exec(plainText(content));
    if (found?.[2] === undefined) continue;
    const [, words = "", steps] = found;
    return { prompt: words.trim() + steps, steps: JSON.parse(steps) as Step[] };
  }
  return undefined;
}

/** The text of a message's content, which is a string or a list of parts. */
export function plainText(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return (content as { text?: unknown }[])
    .map(({ text }) => (typeof text === "string" ? text : ""))
    .join("\n");
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
