/** Runs a script against a world, checks the world after each step, and brings it to rest. */
import { deepEqual } from "node:assert/strict";
import { isOpen } from "../../daemon/sessions/transition.ts";
import { rowsOfSession } from "../../daemon/store/keys.ts";
import { perform } from "./actions.ts";
import { checkAtRest } from "./invariants.ts";
import type { Step } from "./steps.ts";
import { World } from "./world.ts";

/** Rejects with what is wrong, and with the step after which it was seen. */
export async function runScript(script: readonly Step[]): Promise<void> {
  const world = new World();
  let after = "the start";
  try {
    await world.open(1_700_000_000_000);
    for (const [place, step] of script.entries()) {
      after = `step ${place}, ${JSON.stringify(step)}`;
      await perform(world, step);
      if (step.atOnce === true) continue;
      await world.settle();
      checkAtRest(world);
      refuseFaults(world, after);
    }
    after = "the end";
    await comeToRest(world);
    checkAtRest(world);
    await checkAtEnd(world);
    refuseFaults(world, after);
    await checkRestart(world);
    refuseFaults(world, "a restart at the end");
  } catch (error) {
    if (error instanceof Broken) throw error;
    throw new Broken(`after ${after}: ${error instanceof Error ? error.stack : String(error)}`);
  } finally {
    await world.close();
  }
}

export class Broken extends Error {
  override readonly name = "Broken";
}

function refuseFaults(world: World, after: string): void {
  world.lookAtLog();
  if (world.watch.faults.length === 0) return;
  throw new Broken(`after ${after}:\n  ${world.watch.faults.join("\n  ")}`);
}

/** The disk works, every agent ends, nobody waits for a person or a message any more. */
async function comeToRest(world: World): Promise<void> {
  const { core } = world;
  const { engine, gate, scripted, scheduler, approvals, requests } = core;
  gate.isBroken = false;
  gate.release();
  world.bounds = { total: 1, perRoot: 1 };
  scheduler.boundsChanged();
  for (let round = 0; engine.runs.size > 0 || engine.queue.size > 0 || round < 2; round += 1) {
    if (round > 300) {
      const left = engine.runs.all().map(({ sessionId, state }) => `${sessionId} is ${state.at}`);
      return world.watch.fault(`runs do not end: ${left.join()}; queued: ${engine.queue.size}`);
    }
    await world.settle();
    for (const agent of [...scripted.all]) agent.finish({ status: "completed", result: "at last" });
    await world.settle();
    for (const run of engine.runs.all()) {
      if (run.state.at !== "between" || run.state.why !== "escalated") continue;
      world.steered.add(run.sessionId);
      world.ask("cancel", requests.cancel(run.sessionId, undefined, undefined));
    }
    await world.advance(10_000);
  }
  for (const { giveUp } of [...core.waits]) giveUp.abort();
  await world.settle();
  if (core.pending.size > 0) world.watch.fault(`no answer: ${[...core.pending.values()].join()}`);
  deepEqual([approvals.list(undefined), world.watch.openApprovals], [[], []], "open approvals");
  deepEqual([engine.tree.live.size, engine.slots.isFree("")], [0, true]);
}

/** Everything that was accepted has come to its end, and is stored. */
async function checkAtEnd(world: World): Promise<void> {
  const { engine, store, adapter } = world.core;
  const completions = await store.completions(0, 10_000);
  const first = completions[0]?.completionSeq ?? 0;
  const seqs = completions.map(({ completionSeq }) => completionSeq);
  deepEqual(
    seqs,
    Array.from({ length: seqs.length }, (_, place) => first + place),
  );
  const { tree } = engine;
  const { watch } = world;
  for (const [runId, id] of world.accepted) {
    const session = tree.find(id)?.session;
    if (session === undefined || watch.completedOf(runId) !== "no") continue;
    const isPaused = session.status === "paused" && session.runId === runId;
    if (!isPaused)
      watch.fault(`a run of ${id} was accepted and has no end; it is ${session.status}`);
  }
  for (const record of tree.records()) {
    const { session } = record;
    if (isOpen(session) && session.status !== "paused") watch.fault(`${session.id} is still open`);
    const messages = await store.messages(session.id, 0, 10_000);
    const isUnread = messages.some(({ n, role }) => n >= record.unreadFrom && role === "user");
    const isLeft = isUnread && session.status === "completed" && !world.steered.has(session.id);
    if (isLeft) watch.fault(`${session.id} is completed and has messages that no run has read`);
    const numbers = messages.map(({ n }) => n);
    deepEqual(
      numbers,
      Array.from({ length: session.messageCount }, (_, place) => place + 1),
    );
    const given = messages.map(({ text }) => text);
    for (const text of world.sent.get(session.id) ?? []) {
      const times = given.filter((one) => one === text).length;
      if (times !== 1) watch.fault(`${session.id} has "${text}" ${times} times`);
    }
    const events = await store.events(session.id, 0, 10_000);
    deepEqual(
      events.map(({ seq }) => seq),
      Array.from({ length: tree.lastSeq(session.id) }, (_, place) => place + 1),
    );
  }
  for (const id of world.ids) {
    if (tree.find(id) !== undefined) continue;
    const rows = await adapter.rangeKeys(rowsOfSession(id), 3);
    if (rows.length > 0) watch.fault(`${id} is removed and leaves ${rows.join()}`);
  }
}

/** What is stored is what is shown. */
async function checkRestart(world: World): Promise<void> {
  const before = [...world.core.engine.tree.records()];
  await world.stopInOrder("interrupt");
  deepEqual([...world.core.engine.tree.records()].sort(byId), before.sort(byId));
}

function byId(a: { session: { id: string } }, b: { session: { id: string } }): number {
  return a.session.id < b.session.id ? -1 : 1;
}
