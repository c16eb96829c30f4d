/** `agents`: lists the agents, those that can be used first, and how to get the others. */
import { homedir } from "node:os";
import { relative, sep } from "node:path";
import { isInside } from "../base/paths.ts";
import type { AgentInfo } from "../../protocol/daemon.ts";
import type { Client } from "../client/coreClient.ts";
import { exitCodes } from "../client/failures.ts";
import type { Invocation } from "./invocation.ts";
import { widthOf } from "./output.ts";
import { tableLines } from "./table.ts";
import { cleanLine } from "../client/values.ts";

export async function agents(client: Client, { output, terminal }: Invocation): Promise<number> {
  const { cwd, environment } = terminal;
  const answer = await client.call("agent/list", { cwd });
  output.value(answer);
  const home = environment["HOME"] ?? homedir();
  const ready = answer.agents.filter(({ available }) => available);
  const others = answer.agents.filter(({ available }) => !available);
  const rows = [...ready, ...others].map((agent) => [
    cleanLine(agent.name),
    agent.runner,
    agent.available ? "yes" : "no",
    cleanLine(shortSource(agent, cwd, home)),
    cleanLine([agent.model, agent.description].filter(Boolean).join(" · ")),
  ]);
  const head = ["AGENT", "RUNNER", "READY", "FROM", "WHAT IT IS"];
  const lines = tableLines([head, ...rows], widthOf(output), (text, row, column) => {
    if (row === 0) return output.paint("bold", text);
    return column === 2 && text === "no" ? output.paint("dim", text) : text;
  });
  for (const line of lines) output.line(line);
  if (others.length > 0) {
    output.line("");
    output.line(output.paint("bold", "What the agents that are not ready need:"));
    for (const { name, reason = "" } of others) {
      output.line(`  ${cleanLine(name)}: ${cleanLine(reason)}`);
    }
  }
  for (const fault of answer.faults ?? []) output.note(cleanLine(fault));
  return exitCodes.ok;
}

/** The path relative to the present folder or to the home folder, if it lies in one of them. */
function shortSource({ source }: AgentInfo, cwd: string, home: string): string {
  if (isInside(source, cwd)) return relative(cwd, source);
  return isInside(source, home) ? `~${sep}${relative(home, source)}` : source;
}
