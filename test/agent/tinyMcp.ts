/**
 * A tiny MCP server. Over stdio it writes its pid to the file that STARTS names; with the argument
 * "http" it serves streamable HTTP on a free port of loopback, which it prints.
 */
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import * as z from "zod";

function createTinyServer(authorization: string | undefined): McpServer {
  const server = new McpServer({ name: "tiny", version: "1.0.0" });
  const text = (value: string, more = {}) => ({
    content: [{ type: "text" as const, text: value }],
    ...more,
  });
  server.registerTool(
    "echo",
    { description: "Says it again", inputSchema: { words: z.string() } },
    ({ words }) => text(`${words} ${authorization ?? ""}`.trim()),
  );
  server.registerTool("fail", { description: "Fails" }, () => text("it broke", { isError: true }));
  server.registerTool("env", { description: "Its environment" }, () =>
    text(JSON.stringify(process.env)),
  );
  server.registerTool("exit", { description: "Ends the server" }, () => {
    setImmediate(() => (process.exitCode = process.kill(process.pid, "SIGKILL") ? 1 : 0));
    return text("bye");
  });
  server.registerTool("wait", { description: "Waits for ever" }, ({ signal }) => {
    appendFileSync(process.env["STARTS"] ?? "", "waiting\n");
    return new Promise((resolve) => {
      signal.addEventListener("abort", () => {
        appendFileSync(process.env["STARTS"] ?? "", "aborted\n");
        resolve(text("aborted"));
      });
    });
  });
  return server;
}

if (process.argv[2] === "http") {
  const http = createServer((request, response) => {
    const { authorization } = request.headers;
    const transport = new StreamableHTTPServerTransport({});
    void createTinyServer(authorization)
      .connect(transport as Transport)
      .then(() => transport.handleRequest(request, response));
  });
  http.listen(0, "127.0.0.1", () => console.log((http.address() as AddressInfo).port));
} else {
  appendFileSync(process.env["STARTS"] ?? "", `${process.pid}\n`);
  await createTinyServer(undefined).connect(new StdioServerTransport());
}
