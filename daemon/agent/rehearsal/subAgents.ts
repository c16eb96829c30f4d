/** Gives tasks to sub-agents of the same kind and waits for their reports. */
import * as z from "zod";
import type { PlanStep, Reply } from "./plan.ts";

interface Task {
  title: string;
  prompt: string;
}

/** The fields that are used here of what the sub-agent tools answer as data. */
const AgentState = z.object({
  id: z.string(),
  status: z.string(),
  finished: z.boolean(),
  result: z.string().optional(),
  detail: z.string().optional(),
});
const Spawned = z.object({ agent: AgentState });
const Waited = z.object({ agents: z.array(AgentState), pending: z.array(z.string()) });
const Listed = z.object({
  agents: z.array(
    z.object({ name: z.string(), model: z.string().optional(), available: z.boolean() }),
  ),
});

/** A wait returns after 45 s at the latest, so this is about an hour. */
const mostWaits = 80;

/** Returns a report for each task, in order; the report of a failed task says so. */
export function* delegate(
  say: string,
  tasks: readonly Task[],
): Generator<PlanStep, string[], Reply[]> {
  const [list] = yield { say, calls: [{ name: "list_agents", input: {} }] };
  const like = Listed.safeParse(list?.data).data?.agents.find(
    ({ model, available }) => available && model?.startsWith("rehearsal/"),
  );
  const spawns = yield {
    say: "",
    calls: tasks.map((task) => ({
      name: "spawn_agent",
      input: { ...task, ...(like === undefined ? {} : { agent: like.name }) },
    })),
  };
  const ids = spawns.map((reply) => Spawned.safeParse(reply.data).data?.agent.id);
  const ended = new Map<string, string>();
  let pending = ids.filter((id) => id !== undefined);
  for (let waits = 0; pending.length > 0 && waits < mostWaits; waits += 1) {
    const [reply] = yield { say: "", calls: [{ name: "wait_agent", input: { ids: pending } }] };
    const state = Waited.safeParse(reply?.data).data;
    if (state === undefined) break;
    for (const { id, finished, status, result, detail } of state.agents) {
      if (!finished) continue;
      ended.set(
        id,
        status === "completed" && result ? result : `${status}: ${detail ?? "no word"}`,
      );
    }
    pending = pending.filter((id) => !ended.has(id));
  }
  return tasks.map(({ title }, index) => {
    const id = ids[index];
    if (id === undefined) return `## ${title}\nNot done: ${spawns[index]?.text ?? ""}`;
    const report = ended.get(id) ?? "Not ended yet.";
    // The report of a completed task has a heading of its own.
    return report.includes("\n## ") || report.startsWith("## ") ? report : `## ${title}\n${report}`;
  });
}
