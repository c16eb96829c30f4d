/** A tool of an MCP server as a `Tool`. */
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Tool } from "./tool.ts";

/** A tool may wait for people or sub-agents, so only the server bounds its time. */
const longestCallMs = 3_600_000;

export function mcpTool(parts: {
  /** Returns the server, which may have to be started first. */
  client: () => Promise<Client>;
  server: string;
  remoteName: string;
  /** The name for the model, and the name for clients. */
  name: string;
  shownName: string;
  description: string;
  inputSchema: object;
  /** The server asks for permission itself. */
  decidesItself: boolean;
}): Tool {
  const { client, server: serverName, remoteName, decidesItself, ...described } = parts;
  const { name } = described;
  return {
    ...described,
    kind: "other",
    prepare: async (input) => {
      if (typeof input !== "object" || input === null || Array.isArray(input)) {
        throw new Error(`wrong input for ${name}: it must be an object`);
      }
      return {
        title: decidesItself ? titleOf(remoteName, { ...input }) : `${serverName}: ${remoteName}`,
        needsNoPermission: decidesItself,
        async act({ signal }) {
          const call = { name: remoteName, arguments: { ...input } };
          const server = await client();
          const result = await server.callTool(call, undefined, {
            signal,
            timeout: longestCallMs,
          });
          const failed = result.isError === true;
          return { text: textOf(result), data: result.structuredContent, failed };
        },
      };
    },
  };
}

/** The title of a call of Offshoot's own tools. */
function titleOf(name: string, input: Record<string, unknown>): string {
  const { title, prompt, message, ids } = input;
  const many = Array.isArray(ids) ? `${ids.length} sub-agent${ids.length === 1 ? "" : "s"}` : "";
  const about = [title, prompt, message, many].flatMap((one) =>
    typeof one === "string" && one.trim() !== "" ? [one.trim()] : [],
  );
  const line = about[0]?.split("\n")[0] ?? "";
  return line === "" ? name : `${name}: ${line.length > 80 ? `${line.slice(0, 80)}…` : line}`;
}

function textOf(result: Awaited<ReturnType<Client["callTool"]>>): string {
  const content = Array.isArray(result.content) ? (result.content as ContentPart[]) : [];
  const texts = content.map((part) => {
    if (part.type === "text") return part.text ?? "";
    if (part.type === "resource") return part.resource?.text ?? `[${part.resource?.uri}]`;
    if (part.type === "resource_link") return `[${part.name}](${part.uri})`;
    return `[${part.type} content]`;
  });
  if (texts.length > 0) return texts.join("\n");
  return result.structuredContent === undefined ? "" : JSON.stringify(result.structuredContent);
}

interface ContentPart {
  type: string;
  text?: string;
  name?: string;
  uri?: string;
  resource?: { uri: string; text?: string };
}
