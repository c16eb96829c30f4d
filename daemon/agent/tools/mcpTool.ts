/** A tool of an MCP server as a tool of ours. */
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Tool } from "./tool.ts";

/** A tool may wait for people or sub-agents; the server's own bound is the one that counts. */
const longestCallMs = 3_600_000;

export function mcpTool(parts: {
  client: Client;
  server: string;
  remoteName: string;
  /** As the model knows it. */
  name: string;
  description: string;
  inputSchema: object;
  /** The server itself asks whoever has to be asked. */
  decidesItself: boolean;
}): Tool {
  const { client, server, remoteName, name, description, inputSchema, decidesItself } = parts;
  return {
    name,
    description,
    kind: "other",
    inputSchema,
    prepare: async (input) => {
      if (typeof input !== "object" || input === null || Array.isArray(input)) {
        throw new Error(`wrong input for ${name}: it must be an object`);
      }
      return {
        title: decidesItself ? remoteName : `${server}: ${remoteName}`,
        needsNoPermission: decidesItself,
        async act({ signal }) {
          const call = { name: remoteName, arguments: { ...input } };
          const result = await client.callTool(call, undefined, {
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
