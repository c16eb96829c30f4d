/**
 * The stdio transport of an MCP server whose process group is ended as a whole: many servers are
 * started by wrappers, such as npx, which leave the real one alive when they are killed.
 */
import { once } from "node:events";
import { ReadBuffer, serializeMessage } from "@modelcontextprotocol/sdk/shared/stdio.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { startGroup } from "../processes/processGroup.ts";
import { withTimeout } from "../base/until.ts";
import type { ProcessGroup } from "../processes/processGroup.ts";
import type { Processes } from "../processes/processes.ts";

/**
 * A server that reads the end of its input exits by itself within this time; others get a signal.
 */
const politeMs = 1_000;
const lastWordsLength = 1_000;

export function createStdioTransport(task: {
  program: string;
  args: readonly string[];
  cwd: string;
  environment: Record<string, string>;
  processes: Processes;
}) {
  const { program, args, cwd, environment, processes } = task;
  const buffer = new ReadBuffer();
  let group: ProcessGroup | undefined;
  let ending: Promise<void> | undefined;
  let words = "";

  /** Skips a line that is not a message; reading the line removed it from the buffer. */
  const readNext = () => {
    try {
      return buffer.readMessage();
    } catch (error) {
      transport.onerror?.(error as Error);
      return "skipped" as const;
    }
  };
  const take = (chunk: Buffer) => {
    try {
      buffer.append(chunk);
    } catch (error) {
      // The message is too long.
      transport.onerror?.(error as Error);
      buffer.clear();
      void transport.close();
    }
    for (let message = readNext(); message !== null; message = readNext()) {
      if (message !== "skipped") transport.onmessage?.(message);
    }
  };
  const endAll = async ({ child, end }: ProcessGroup) => {
    child.stdin?.end();
    if (child.exitCode === null && child.signalCode === null) {
      await withTimeout(once(child, "exit"), politeMs);
    }
    await end();
  };

  const transport: Transport = {
    async start() {
      const line = { program, args };
      group = startGroup({ line, input: "pipe", cwd, environment }, processes);
      const { child } = group;
      child.stdin?.on("error", (error) => transport.onerror?.(error));
      child.stdout.on("data", take);
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        words = (words + text).slice(-lastWordsLength);
      });
      child.once("close", () => {
        void transport.close();
        transport.onclose?.();
      });
      await once(child, "spawn");
    },
    async send(message) {
      const stdin = group?.child.stdin;
      if (!stdin?.writable) throw new Error("the MCP server has ended");
      if (!stdin.write(serializeMessage(message))) await once(stdin, "drain");
    },
    async close() {
      if (group === undefined) return;
      ending ??= endAll(group);
      await ending;
    },
  };
  /** The end of what the server wrote to stderr. */
  const lastWords = () => words;
  return { transport, lastWords };
}
