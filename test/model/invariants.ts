/** What is true of a core whenever it has come to rest, and what is true when all is over. */
import { isLive, isTerminal, noUsage } from "../../protocol/session.ts";
import { exceededBudget } from "../../daemon/sessions/limits.ts";
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
  checkSlots(world);
  checkUsage(world);
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
  const { engine } = world.core;
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
  // What has to end stays as it is until its agent has ended.
  if (run !== undefined && isLive(session) && !run.stop.signal.aborted) {
    const waitsFor = run.waits.size > 0 || run.asking.size > 0 || run.state.at === "between";
    if (waitsFor && status === "running") say("waits for something");
    const waitsForSlot = !slots.isFree(rootId);
    if (!waitsFor && status === "suspended" && !waitsForSlot) say("waits for nothing");
  }
}

function isHeldByRun({ core }: World, id: string): boolean {
  return core.engine.tree.upwards(id).some(({ session }) => core.engine.runs.get(session.id));
}

/** No run of a session that is gone; none goes on over its budget. */
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
  for (const { params, isInside } of world.core.waits) {
    // The answer waits until its run has a slot again.
    if (isInside) continue;
    const isOver = (id: string) => {
      const session = tree.peek(id);
      return session === undefined || isTerminal(session);
    };
    if (params.sessionIds.every(isOver)) world.watch.fault("a wait for ended runs is not answered");
  }
}

/** More runs work than the bounds allow only where bounds were lowered or a wait was given up. */
function checkSlots(world: World): void {
  const { engine } = world.core;
  const working = engine.runs.all().filter((run) => {
    if (run.attempt === undefined || run.waits.size > 0) return false;
    // What it waited for has ended, and it waits for a slot.
    const isSuspended = engine.tree.find(run.sessionId)?.session.status === "suspended";
    return !isSuspended || run.asking.size > 0;
  });
  const { total, perRoot } = world.bounds;
  const most = Math.max(total, world.excess.total);
  if (working.length > most) world.watch.fault(`${working.length} runs work, ${most} may`);
  const ofRoots = [...Map.groupBy(working, ({ rootId }) => rootId).values()];
  const ofRoot = Math.max(0, ...ofRoots.map(({ length }) => length));
  const mostOfRoot = Math.max(perRoot, world.excess.perRoot);
  if (ofRoot > mostOfRoot) world.watch.fault(`${ofRoot} runs of a root work, ${mostOfRoot} may`);
  world.excess = { total: working.length, perRoot: ofRoot };
}

/** What a tree has used is what its sessions have used, those that are gone included. */
function checkUsage(world: World): void {
  const { tree } = world.core.engine;
  const before = world.usedByRemoved;
  world.usedByRemoved = new Map();
  for (const { session } of tree.records()) {
    const { id, usage, treeUsage } = session;
    const children = [...tree.childrenOf(id)];
    const below = children.map((child) => tree.find(child)?.session.treeUsage ?? noUsage);
    const tokens = [usage, ...below].reduce((sum, { inputTokens }) => sum + inputTokens, 0);
    const removed = treeUsage.inputTokens - tokens;
    const known = before.get(id);
    const isSame = known?.children.every((child) => children.includes(child)) ?? false;
    if (removed < 0 || (isSame && known?.tokens !== removed)) {
      world.watch.fault(`${id} and those below used ${tokens}, and ${removed} is of nobody`);
    }
    world.usedByRemoved.set(id, { children, tokens: removed });
  }
}
