/**
 * An agent for tests that delegates over MCP: it spawns one child for each line of its prompt,
 * waits for all of them, and prints a line of JSON for every answer that it got.
 */
import { startMcpHost } from "./mcpHost.ts";

const host = await startMcpHost(process.env, process.cwd());
const ids: string[] = [];
for (const prompt of (process.argv[2] ?? "").split("\n")) {
  const { text, isError, data } = await host.call("spawn_agent", { prompt });
  console.log(JSON.stringify({ spawned: data.agent?.id, ...(isError && { error: text }) }));
  if (data.agent !== undefined) ids.push(data.agent.id);
}
for (let pending = ids.length > 0; pending;) {
  const { text, isError, data } = await host.call("wait_agent", { ids });
  pending = (data.pending ?? []).length > 0;
  const results = data.agents?.map(({ status, result }) => [status, result]);
  console.log(JSON.stringify({ waited: results, ...(isError && { error: text }) }));
}
await host.close();
