/** What is true of a core whenever it has come to rest, and what is true when all is over. */
import { isLive, isTerminal, noUsage, type Usage } from "../../protocol/session.ts";
import { addUsage, exceededBudget } from "../../daemon/sessions/limits.ts";
import type { StoredSession } from "../../daemon/sessions/records.ts";
import type { World } from "./world.ts";

/** Call it when the world has settled. */
export function checkAtRest(world: World): void {
  const { engine, gate } = world.core;
  const isStoring = !gate.isHeld && !gate.isBroken && engine.store.health.ok;
  for (const record of engine.tree.records()) {
    checkPlace(world, record);
    if (isStoring) checkState(world, record);
  }
  checkRuns(world);
  checkApprovals(world);
  if (isStoring) checkWaits(world);
}

/** The tree holds together. */
function checkPlace(world: World, { session }: StoredSession): void {
  const { tree } = world.core.engine;
  const { id, parentId, rootId, depth } = session;
  if (parentId === null) return;
  const parent = tree.find(parentId)?.session;
  if (parent === undefined) return world.watch.fault(`${id} has no parent`);
  if (parent.rootId !== rootId || parent.depth + 1 !== depth) {
    world.watch.fault(`${id} is of another root or depth than its parent`);
  }
  if (!tree.childrenOf(parentId).has(id)) world.watch.fault(`${id} is no child of its parent`);
}

/** What a session is fits with what is there of it: a place in the queue, a run, or nothing. */
function checkState(world: World, { session }: StoredSession): void {
  const { engine, clock: _clock } = world.core;
  const { tree, runs, queue, slots, intake } = engine;
  const { fault } = world.watch;
  const { id, status, rootId } = session;
  const run = runs.get(id);
  const isQueued = queue.position(id) !== undefined;
  const say = (what: string) => fault.call(world.watch, `${id} is ${status} and ${what}`);
  if (isQueued !== (status === "queued")) say(isQueued ? "in the queue" : "not in the queue");
  if (status === "queued" && intake.isOpen && slots.isFree(rootId)) say("a slot is free for it");
  if (isLive(session)) {
    if (session.adopted === true ? !isHeldByRun(world, id) : run === undefined) say("has no run");
    if (!tree.live.has(id)) say("has no facts of a live run");
    if (world.watch.startedOf(session.runId) !== 1) say("its start was not sent once");
  } else {
    if (run !== undefined) say(`has a run that is ${run.state.at}`);
    if (tree.live.has(id)) say("has facts of a live run");
  }
  if (isTerminal(session) && world.watch.completedOf(session.runId) === "no") {
    say("its end was not sent");
  }
  const shown = tree.peek(id);
  if (shown?.version !== session.version) say(`is shown as version ${shown?.version}`);
  if (run !== undefined && isLive(session)) {
    const waitsFor = run.waits.size > 0 || run.asking.size > 0 || run.state.at === "between";
    if (waitsFor && status === "running") say("waits for something");
    const hasSlot = !slots.isFree(rootId);
    if (!waitsFor && status === "suspended" && !hasSlot) say("waits for nothing");
  }
}

function isHeldByRun({ core }: World, id: string): boolean {
  return core.engine.tree.upwards(id).some(({ session }) => core.engine.runs.get(session.id));
}

/** Slots, budgets. */
function checkRuns(world: World): void {
  const { tree, runs } = world.core.engine;
  for (const run of runs.all()) {
    const record = tree.find(run.sessionId);
    if (record === undefined) {
      world.watch.fault(`${run.sessionId} is gone and has a run`);
      continue;
    }
    for (const { session } of tree.upwards(run.sessionId)) {
      const { maxTokens } = session.limits;
      const over = exceededBudget(maxTokens === undefined ? {} : { maxTokens }, session.treeUsage);
      const goesOn = run.state.at === "attempting" && !run.stop.signal.aborted;
      if (over !== undefined && goesOn) {
        world.watch.fault(`${run.sessionId} goes on over the budget of ${session.id}`);
      }
    }
  }
}

function checkApprovals(world: World): void {
  const { approvals, engine } = world.core;
  for (const { id, sessionId, runId } of approvals.list(undefined)) {
    const run = engine.runs.get(sessionId);
    const isAsked = run?.runId === runId && run.asking.has(id) && run.attempt !== undefined;
    if (!isAsked) world.watch.fault(`approval ${id} of ${sessionId} is open and nobody waits`);
  }
}

/** Nobody waits for what is over. */
function checkWaits(world: World): void {
  const { tree } = world.core.engine;
  for (const { params } of world.core.waits) {
    const isOver = (id: string) => {
      const session = tree.peek(id);
      return session === undefined || isTerminal(session);
    };
    if (params.sessionIds.every(isOver)) world.watch.fault("a wait for ended runs is not answered");
  }
}

/** Of each session what is below it that is gone: what it used counts on. */
export function usedByRemoved(world: World): Map<string, Usage> {
  const { tree } = world.core.engine;
  const left = new Map<string, Usage>();
  for (const { session } of tree.records()) {
    let sum = session.usage;
    for (const id of tree.childrenOf(session.id)) {
      sum = addUsage(sum, tree.find(id)?.session.treeUsage ?? noUsage);
    }
    const { treeUsage } = session;
    left.set(session.id, {
      inputTokens: treeUsage.inputTokens - sum.inputTokens,
      outputTokens: treeUsage.outputTokens - sum.outputTokens,
      cachedInputTokens: treeUsage.cachedInputTokens - sum.cachedInputTokens,
      costUsd: treeUsage.costUsd - sum.costUsd,
      turns: treeUsage.turns - sum.turns,
      toolCalls: treeUsage.toolCalls - sum.toolCalls,
    });
  }
  return left;
}
