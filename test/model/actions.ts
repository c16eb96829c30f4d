/** Does what a step says, as a client, as the agent of a run, or as the machine. */
import { runError } from "../../daemon/base/errors.ts";
import { transition } from "../../daemon/sessions/transition.ts";
import type { Session } from "../../protocol/session.ts";
import type { Agent } from "./agents.ts";
import type { AgentStep, MachineStep, RequestStep, Spawn, Step } from "./steps.ts";
import type { World } from "./world.ts";

const nobody = "00000000-0000-7000-8000-000000000000";
let texts = 0;

export async function perform(world: World, step: Step): Promise<void> {
  if ("on" in step) return await change(world, step);
  if (!("by" in step)) return request(world, step);
  const { all } = world.core.scripted;
  const agent = all[step.by % all.length];
  if (agent !== undefined) act(world, step, agent);
}

async function change(world: World, step: MachineStep): Promise<void> {
  const { gate, scheduler } = world.core;
  switch (step.do) {
    case "advance":
      return await world.advance(step.ms);
    case "hold":
      gate.isHeld = true;
      return;
    case "release":
      return gate.release();
    case "letThrough":
      return await gate.letThrough(step.statements);
    case "break":
    case "heal":
      gate.isBroken = step.do === "break";
      return;
    case "bounds":
      world.bounds = { total: step.total, perRoot: step.perRoot };
      return scheduler.boundsChanged();
    case "kill":
      return await world.kill();
    case "stop":
      return await world.stopInOrder(step.runs);
  }
}

/** Mostly a child that is there; the last two places are a root and one that may be gone. */
function idOf(world: World, place: number): string {
  const { tree } = world.core.engine;
  const children = world.ids.filter((id) => tree.find(id)?.session.kind === "child");
  const roots = world.ids.filter((id) => tree.find(id)?.session.kind === "root");
  const all = place === 9 ? roots : place === 8 ? world.ids : children;
  return all[place % all.length] ?? nobody;
}

function request(world: World, step: RequestStep): void {
  const { requests, engine, retention, approvals } = world.core;
  switch (step.do) {
    case "spawn":
      return spawn(world, step, undefined);
    case "run": {
      const id = idOf(world, step.session);
      return world.ask(step.do, requests.run(id), (session) => accepted(world, session));
    }
    case "delete": {
      const id = idOf(world, step.session);
      const ids = engine.tree.find(id) === undefined ? [] : [...engine.tree.descendantsOf(id), id];
      for (const one of ids) world.toRemove.add(one);
      for (const one of ids) world.steered.add(one);
      return world.ask(`delete ${id}`, retention.remove(ids));
    }
    case "prune": {
      for (const id of world.ids) world.toRemove.add(id);
      const { do: _prune, ...params } = step;
      return world.ask("prune", retention.prune(params));
    }
    case "rename":
      return world.ask("rename", rename(world, idOf(world, step.session)));
    case "cancel": {
      const byRunOf = step.byRunOf === undefined ? undefined : idOf(world, step.byRunOf);
      const id = idOf(world, step.session);
      for (const one of [id, ...engine.tree.descendantsOf(id)]) world.steered.add(one);
      return world.ask("cancel", requests.cancel(id, undefined, byRunOf));
    }
    case "pause":
    case "resume": {
      const params = { sessionId: idOf(world, step.session), ...(step.tree && { tree: true }) };
      return world.ask(step.do, requests[step.do](params));
    }
    case "send": {
      const sessionId = idOf(world, step.session);
      const text = newText();
      const params = { sessionId, text, ...(step.interrupt && { interrupt: true }) };
      return world.ask(`send to ${sessionId}`, requests.send(params), () => {
        world.sent.set(sessionId, [...(world.sent.get(sessionId) ?? []), text]);
      });
    }
    case "wait":
      return wait(world, step, undefined);
    case "giveUpWait":
      return world.core.waits[step.wait % world.core.waits.length]?.giveUp.abort();
    case "answer": {
      const open = approvals.list(undefined);
      const approval = open[step.approval % open.length];
      if (approval === undefined) return;
      const params = { approvalId: approval.id, decision: step.decision };
      return world.ask("answer", approvals.respond(params, "test"));
    }
  }
}

function act(world: World, step: AgentStep, agent: Agent): void {
  const { context } = agent;
  const run = { sessionId: context.session.id, runId: context.runId };
  switch (step.do) {
    case "spawnFromRun":
      return spawn(world, step, run);
    case "waitInside":
      return wait(world, step, run);
    case "complete":
      return agent.finish({ status: "completed", result: "done" });
    case "throw":
      return agent.fail(new Error("a fault of the agent"));
    case "pausedUnasked":
      return agent.finish({ status: "paused" });
    case "fail": {
      const error = { ...runError(step.code, "it failed") };
      if (step.retryAfterMs !== undefined) error.retryAfterMs = step.retryAfterMs;
      return agent.finish({ status: "error", error, result: "so far" });
    }
    case "pauseAtTurn":
      return void (agent.isAskedToPause && agent.finish({ status: "paused" }));
    case "read":
      return agent.inbox.shift()?.read();
    case "emit":
      return context.emit({ type: "output", stream: "stdout", text: "x" });
    case "turn":
      return void context.beginTurn();
    case "use": {
      const { tokens = 0, turns = 0, toolCalls = 0 } = step;
      return context.addUsage({ inputTokens: tokens, turns, toolCalls });
    }
    case "ask": {
      const question = { toolName: "shell", kind: "execute", title: "ls", input: {} } as const;
      return world.ask("approval", context.ask({ ...question, subject: "ls" }));
    }
    case "adopt": {
      const parent = step.parent === undefined ? {} : { parentToolUseId: `t${step.parent}` };
      const child = { toolUseId: `t${step.tool}`, ...parent, title: "adopted", prompt: "p" };
      return void agent.adopted.push(context.adopt(child));
    }
    case "useAdopted": {
      const adopted = agent.adopted[step.adopted % agent.adopted.length];
      adopted?.addUsage({ inputTokens: 3 });
      return adopted?.emit({ type: "output", stream: "stdout", text: "x" });
    }
    case "endAdopted":
      return agent.adopted[step.adopted % agent.adopted.length]?.end({
        status: "completed",
        result: "done",
      });
    case "leaveBehind": {
      context.processStarted({ pid: (texts += 1), startTime: "0" });
      const outcome = { status: "completed", result: "done" } as const;
      return world.ask("ended", context.ended(outcome), () => agent.finish(outcome));
    }
  }
}

function spawn(world: World, what: Spawn, run: { sessionId: string; runId: string } | undefined) {
  const { spawning } = world.core;
  const { agent, manner, below, folder = 0, limits, priority, key, autoRun } = what;
  const cwd = world.folders[folder];
  const parentId = run?.sessionId ?? (below === undefined ? undefined : idOf(world, below));
  const params = {
    prompt: newText(),
    agent,
    ...(parentId === undefined || parentId === nobody ? cwd && { cwd } : { parentId }),
    ...(limits !== undefined && { limits }),
    ...(priority !== undefined && { priority }),
    ...(key !== undefined && { requestKey: `key ${key}` }),
    ...(autoRun === false && { autoRun }),
  };
  const asked = spawning.spawn(params, world.caller(run));
  world.ask("spawn", asked, (session) => {
    const before = world.manners.get(session.id);
    if (before === undefined) world.manners.set(session.id, manner);
    if (key === undefined || before === undefined) {
      world.sent.set(session.id, [params.prompt, ...(world.sent.get(session.id) ?? [])]);
    }
    accepted(world, session);
  });
}

function accepted(world: World, session: Session): void {
  if ("runId" in session) world.accepted.set(session.runId, session.id);
}

function wait(
  world: World,
  step: { sessions: number[]; until: "all" | "any" | "firstError"; timeoutMs?: number },
  run: { sessionId: string; runId: string } | undefined,
): void {
  const { waits, requests } = world.core;
  const giveUp = new AbortController();
  const { until, timeoutMs } = step;
  const { tree } = world.core.engine;
  const below = run === undefined ? [] : tree.descendantsOf(run.sessionId);
  const sessionIds = step.sessions.map((place) => below[place] ?? idOf(world, place));
  const params = { sessionIds, until, ...(timeoutMs !== undefined && { timeoutMs }) };
  const asked = requests.wait(params, run, giveUp.signal);
  const one = { params, giveUp, isInside: run !== undefined };
  waits.push(one);
  const over = () => void waits.splice(waits.indexOf(one), 1);
  asked.then(over, over);
  world.ask(`wait for ${sessionIds.join()}`, asked, ({ timedOut }) => {
    if (run !== undefined && (timedOut || giveUp.signal.aborted)) {
      world.excess.total += 1;
      world.excess.perRoot += 1;
    }
  });
}

/** As the handler of `session/rename` does. */
async function rename(world: World, id: string): Promise<void> {
  const { tree, clock } = world.core.engine;
  const record = tree.get(id);
  const move = { type: "update", fields: { title: newText() } } as const;
  const session = transition(record.session, move, clock.now());
  await tree.commitOrRefuse([{ records: [{ ...record, session, titleGiven: true }] }]);
}

function newText(): string {
  return `text ${(texts += 1)}`;
}
