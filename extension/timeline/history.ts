/**
 * The history of one session's runs, folded from its headers and from the pages of its events. Pure,
 * and small for any number of events.
 *
 * A header describes only the last run: its facts are kept here when the next run begins. Runs that
 * ended before the first header was seen are known only from their events.
 */
import type { AgentEvent, StoredEvent } from "../../protocol/events.ts";
import type { Session, TerminalStatus, Usage, WaitingFor } from "../../protocol/session.ts";
import { isTerminal } from "../../protocol/states.ts";
import { oneLine } from "../base/text.ts";
import { reasonText, whyEnded } from "../sessions/outcomeWords.ts";

/** A time span; without `to` it has not ended. */
export interface Period {
  from: number;
  to?: number;
}

export interface ToolCall extends Period {
  id: string;
  title: string;
  status?: "completed" | "failed" | "denied" | "cancelled";
}

export interface RunHistory {
  runId: string;
  queuedAt?: number;
  startedAt?: number;
  endedAt?: number;
  status?: TerminalStatus;
  why?: string;
  firstEventAt?: number;
  lastEventAt?: number;
  aliveAt?: number;
  /** The core died during the run: only the time when that was found is known. */
  isLost?: boolean;
  /** The time before the core died, of a run that was continued by the next core. */
  earlier?: Required<Period>;
  pauses: Period[];
  waits: (Period & { kind: WaitingFor["kind"] })[];
  retries: { at: number; attempt: number; inMs: number; why: string }[];
  faults: { at: number; kind: "error" | "budget"; text: string }[];
  tools: ToolCall[];
  usedBefore: Spent;
  usedAfter: Spent;
}

export interface Spent {
  tokens: number;
  costUsd: number;
}

export interface SessionHistory {
  runs: readonly RunHistory[];
  /** Number of the last event that was read. */
  readUpTo: number;
  /** How many tool calls were not kept, because there are too many. */
  omittedTools: number;
  openApprovals: ReadonlySet<string>;
  spent: Spent;
}

export const noHistory: SessionHistory = {
  runs: [],
  readUpTo: 0,
  omittedTools: 0,
  openApprovals: new Set(),
  spent: { tokens: 0, costUsd: 0 },
};

export const mostTools = 5_000;
export const longestText = 160;
/** The most important kind comes first and is not covered by the others. */
export const waitKinds = ["approval", "input", "retry", "children", "background"] as const;
/** The reason of a run whose core has died. */
const coreDied = "host_restart";

/** The history with the facts of a newer header. */
export function withSession(history: SessionHistory, session: Session): SessionHistory {
  if (!("runId" in session)) return history;
  const { runs, run } = runsWith(history, session.runId, session.createdAt);
  if ("queuedAt" in session) {
    run.queuedAt = Math.min(run.queuedAt ?? Infinity, session.queuedAt);
    const pause = run.pauses.at(-1);
    if (session.status === "paused") beginPeriod(run.pauses, { from: session.pausedAt });
    else if (pause !== undefined) pause.to ??= session.queuedAt;
  }
  if ("startedAt" in session && session.startedAt !== undefined) {
    const { startedAt = session.startedAt, lastEventAt = startedAt } = run;
    if (startedAt < session.startedAt) run.earlier ??= { from: startedAt, to: lastEventAt };
    run.startedAt = session.startedAt;
  }
  if ("lastHeartbeatAt" in session) {
    run.aliveAt = Math.max(run.aliveAt ?? 0, session.lastHeartbeatAt);
  }
  if (isTerminal(session)) {
    if (session.reason === coreDied) run.isLost = true;
    end(run, session.endedAt, session.status, whyEnded(session));
  }
  return { ...history, runs };
}

/** The history with the next page of stored events; events that were read before are ignored. */
export function withEvents(
  history: SessionHistory,
  events: readonly StoredEvent[],
): SessionHistory {
  const fold: Fold = {
    ...history,
    runs: [...history.runs],
    touched: new Map(),
    openApprovals: new Set(history.openApprovals),
  };
  for (const { seq, at, runId, event } of events) {
    if (seq <= fold.readUpTo) continue;
    fold.readUpTo = seq;
    const run = touchedRun(fold, runId);
    if (run.startedAt !== undefined && at < run.startedAt) {
      run.earlier = { from: run.earlier?.from ?? at, to: at };
    } else {
      run.firstEventAt ??= at;
      run.lastEventAt = at;
    }
    take(fold, run, event, at);
  }
  const { touched: _own, ...next } = fold;
  return next;
}

interface Fold extends SessionHistory {
  runs: RunHistory[];
  openApprovals: Set<string>;
  /** Copies that this fold may modify. */
  touched: Map<string, RunHistory>;
}

function take(fold: Fold, run: RunHistory, event: AgentEvent, at: number): void {
  switch (event.type) {
    case "status":
      return takeStatus(fold, run, event, at);
    case "approval":
      if (event.state === "requested") fold.openApprovals.add(event.approvalId);
      else fold.openApprovals.delete(event.approvalId);
      if (fold.openApprovals.size > 0) beginPeriod(run.waits, { kind: "approval", from: at });
      else endWaits(run, at, ["approval"]);
      return;
    case "tool.started":
      if (run.tools.length >= mostTools) fold.omittedTools += 1;
      else run.tools.push({ id: event.toolUseId, title: titleOf(event), from: at });
      return;
    case "tool.completed": {
      const call = run.tools.findLast(({ id }) => id === event.toolUseId);
      if (call !== undefined) Object.assign(call, { to: at, status: event.status });
      return;
    }
    case "retry": {
      const { attempt, inMs, error } = event;
      run.retries.push({ at, attempt, inMs, why: oneLine(error.message, longestText) });
      return;
    }
    case "note":
      if (event.level === "error")
        run.faults.push({ at, kind: "error", text: oneLine(event.text, longestText) });
      return;
    case "budget": {
      const text = `${event.limit} is used up: ${event.used} of ${event.max}`;
      run.faults.push({ at, kind: "budget", text });
      return;
    }
    case "usage":
      fold.spent = spentOf(event);
      run.usedAfter = fold.spent;
      return;
    case "turn.started":
    case "turn.completed":
    case "message":
    case "message.delta":
    case "reasoning.delta":
    case "tool.output":
    case "plan":
    case "output":
    case "child":
      return;
  }
}

/** Takes a change of the run's state. */
function takeStatus(
  fold: Fold,
  run: RunHistory,
  { from, to, reason }: Extract<AgentEvent, { type: "status" }>,
  at: number,
): void {
  if (from === "suspended") {
    // A run that has open approvals still waits for them when a child has ended.
    const isAsking = fold.openApprovals.size > 0;
    endWaits(run, at, isAsking ? waitKinds.filter((kind) => kind !== "approval") : waitKinds);
  }
  if (from === "paused") {
    const pause = run.pauses.at(-1);
    if (pause !== undefined) pause.to ??= at;
  }
  if (to === "suspended") beginPeriod(run.waits, { kind: waitKind(reason), from: at });
  else if (to === "paused") beginPeriod(run.pauses, { from: at });
  else if (to === "running" && from === "queued") run.startedAt ??= at;
  else if (to !== "running" && to !== "queued" && to !== "created") {
    if (reason === coreDied) run.isLost = true;
    end(run, at, to, reasonText(reason));
  }
}

function end(run: RunHistory, at: number, status: TerminalStatus, why: string | undefined): void {
  run.endedAt ??= at;
  run.status ??= status;
  if (why !== undefined && why !== "") run.why ??= oneLine(why, longestText);
  endWaits(run, at, waitKinds);
}

function waitKind(reason: string | undefined): WaitingFor["kind"] {
  return waitKinds.find((kind) => kind === reason) ?? "children";
}

/** Adds a period, unless one of that kind is open. */
function beginPeriod<P extends Period & { kind?: string }>(periods: P[], begun: P): void {
  const isOpen = periods.some(
    ({ kind, to, from }) => kind === begun.kind && (to === undefined || from === begun.from),
  );
  if (!isOpen) periods.push(begun);
}

function endWaits(run: RunHistory, at: number, kinds: readonly WaitingFor["kind"][]): void {
  for (const wait of run.waits) if (kinds.includes(wait.kind)) wait.to ??= at;
}

function touchedRun(fold: Fold, runId: string): RunHistory {
  const known = fold.touched.get(runId);
  if (known !== undefined) return known;
  const { runs, run } = runsWith(fold, runId, 0);
  if (run.firstEventAt === undefined) {
    run.usedBefore = fold.spent;
    // The open approvals of a run whose core died have expired.
    fold.openApprovals.clear();
  }
  fold.runs = runs;
  fold.touched.set(runId, run);
  return run;
}

/** The runs with a copy of this one in its place, so that earlier results do not change. */
function runsWith(
  { runs, spent }: SessionHistory,
  runId: string,
  notBefore: number,
): { runs: RunHistory[]; run: RunHistory } {
  const place = runs.findIndex((known) => known.runId === runId);
  const known = runs[place];
  const run: RunHistory = {
    runId,
    ...(known ?? { ...queuedOf(runId, notBefore), usedBefore: spent, usedAfter: spent }),
    pauses: (known?.pauses ?? []).map((pause) => ({ ...pause })),
    waits: (known?.waits ?? []).map((wait) => ({ ...wait })),
    retries: [...(known?.retries ?? [])],
    faults: [...(known?.faults ?? [])],
    tools: (known?.tools ?? []).map((call) => ({ ...call })),
  };
  const next = known === undefined ? [...runs, run] : runs.with(place, run);
  return { runs: next.sort((a, b) => beganAt(a) - beganAt(b)), run };
}

function beganAt({ queuedAt, firstEventAt, startedAt }: RunHistory): number {
  return queuedAt ?? firstEventAt ?? startedAt ?? Infinity;
}

/**
 * When a run was queued, which no header says of a run that has started. A run gets its id when it is
 * queued, and an id of version 7 begins with its time.
 */
function queuedOf(runId: string, notBefore: number): { queuedAt?: number } {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/.test(runId)) return {};
  const at = Number.parseInt(runId.slice(0, 8) + runId.slice(9, 13), 16);
  return at < notBefore - 1 ? {} : { queuedAt: at };
}

function titleOf({ title, name }: { title: string; name: string }): string {
  return oneLine(title === "" || title === name ? name : `${name}: ${title}`, longestText);
}

export function spentOf({ inputTokens, outputTokens, costUsd }: Usage): Spent {
  return { tokens: inputTokens + outputTokens, costUsd };
}
