/** One run as spans of time: queued, running, waiting, and its end. Pure. */
import type { Session, TerminalStatus, WaitingFor } from "../../protocol/session.ts";
import { isTerminal } from "../../protocol/states.ts";
import { waitKinds, type Period, type RunHistory, type Spent } from "./history.ts";

export type SpanKind = "queued" | "paused" | "running" | "stalled" | WaitingFor["kind"] | "unknown";

export interface Span extends Period {
  kind: SpanKind;
  /** The sides that are not known exactly: the run lasted longer than is shown. */
  torn?: "start" | "end" | "both";
  /** 1 for the first run of the session. */
  run: number;
}

/** The end of a run; without a status it is not known how the run ended. */
export interface End {
  at: number;
  status?: TerminalStatus;
  why?: string;
  run: number;
  spent: Spent;
}

/** The spans of one run, one after another. `session` is given for the newest run only. */
export function spansOfRun(
  run: RunHistory,
  number: number,
  session: Session | undefined,
): { spans: Span[]; ends: End[] } {
  const began = run.startedAt ?? run.firstEventAt;
  const isOpen = session !== undefined && !isTerminal(session);
  const over = run.endedAt ?? (isOpen ? undefined : run.lastEventAt);
  const earlier = earlierOf(run, session);
  const spans = queueSpans(run, number, session);
  if (earlier !== undefined) spans.push({ kind: "running", ...earlier, torn: "both", run: number });
  if (began !== undefined && !isQueued(session)) {
    const torn = tornOf(run.startedAt === undefined, run.endedAt === undefined && !isOpen);
    const whole = { kind: "running", from: began, run: number, ...torn, ...to(over) } as const;
    spans.push(...workSpans(whole, run, session));
  }
  spans.sort((a, b) => a.from - b.from);
  if (over === undefined) return { spans, ends: [] };
  const { status, why } = run;
  const spent = {
    tokens: Math.max(0, run.usedAfter.tokens - run.usedBefore.tokens),
    costUsd: Math.max(0, run.usedAfter.costUsd - run.usedBefore.costUsd),
  };
  const known = { ...(status !== undefined && { status }), ...(why !== undefined && { why }) };
  return { spans, ends: [{ at: over, run: number, spent, ...known }] };
}

/** Queued or paused: the run has not begun, or will begin again. */
function isQueued(session: Session | undefined): boolean {
  return session?.status === "queued" || session?.status === "paused";
}

/** The time of a run before its core died. A run that is queued again keeps its id. */
function earlierOf(
  { earlier, startedAt, firstEventAt, lastEventAt }: RunHistory,
  session: Session | undefined,
): { from: number; to: number } | undefined {
  const began = startedAt ?? firstEventAt;
  if (earlier !== undefined || !isQueued(session) || began === undefined) return earlier;
  return { from: began, to: Math.max(began, lastEventAt ?? began) };
}

function queueSpans(run: RunHistory, number: number, session: Session | undefined): Span[] {
  const { queuedAt, startedAt, firstEventAt, endedAt } = run;
  if (queuedAt === undefined) return [];
  const isOpen = isQueued(session);
  const over = isOpen ? undefined : (startedAt ?? firstEventAt ?? endedAt);
  if (over === undefined && !isOpen) return [];
  const earlier = earlierOf(run, session);
  const torn = tornOf(false, !isOpen && startedAt === undefined && firstEventAt !== undefined);
  const last = { kind: "queued", from: earlier?.to ?? queuedAt, run: number, ...to(over) } as const;
  const first = { kind: "queued", from: queuedAt, to: earlier?.from ?? queuedAt, run: number };
  const queue: Span[] = [{ ...last, ...torn }];
  if (earlier !== undefined) queue.unshift(first as Span);
  const pauses = run.pauses.map((pause) => ({ kind: "paused", ...pause }) as const);
  return cutInto(queue, "queued", pauses);
}

function workSpans(whole: Span, run: RunHistory, session: Session | undefined): Span[] {
  let spans: Span[] = [whole];
  const waits = run.waits.map(({ from, to: until, kind }) => ({ kind, from, ...to(until) }));
  if (session?.status === "suspended") {
    const { kind } = session.waitingFor;
    const isKnown = waits.some((wait) => wait.kind === kind && wait.to === undefined);
    if (!isKnown) waits.push({ kind, from: session.suspendedAt });
  }
  for (const kind of waitKinds) {
    const ofKind = waits.filter((wait) => wait.kind === kind).sort((a, b) => a.from - b.from);
    spans = cutInto(spans, "running", ofKind);
  }
  if (run.isLost === true) {
    const { aliveAt = 0, lastEventAt = 0 } = run;
    const lost = { kind: "unknown", from: Math.max(whole.from, aliveAt, lastEventAt) } as const;
    for (const kind of ["running", ...waitKinds] as const) spans = cutInto(spans, kind, [lost]);
  }
  const retries = run.retries.map(({ at, inMs }) => ({ kind: "retry", from: at, to: at + inMs }));
  spans = cutInto(spans, "running", retries as Cut[]);
  if (session?.status !== "running" || !session.stalled) return spans;
  return cutInto(spans, "running", [{ kind: "stalled", from: session.lastProgressAt }]);
}

type Cut = Period & { kind: SpanKind };

/** Replaces parts of the spans of one kind by the cuts, which are ordered by time. */
export function cutInto(spans: readonly Span[], into: SpanKind, cuts: readonly Cut[]): Span[] {
  if (cuts.length === 0) return [...spans];
  return spans.flatMap((span) => {
    if (span.kind !== into) return [span];
    const end = span.to ?? Infinity;
    const pieces: Span[] = [];
    let from = span.from;
    const piece = (kind: SpanKind, until: number) => {
      if (until > from) pieces.push({ kind, from, run: span.run, ...to(until) });
      from = Math.max(from, until);
    };
    for (const cut of cuts) {
      const cutEnd = Math.min(cut.to ?? Infinity, end);
      if (cutEnd <= from || cut.from >= end) continue;
      piece(into, cut.from);
      piece(cut.kind, cutEnd);
    }
    piece(into, end);
    return tearAsWhole(pieces, span);
  });
}

/** The first and last piece are torn where the whole is. */
function tearAsWhole(pieces: Span[], { torn }: Span): Span[] {
  if (torn === undefined) return pieces;
  const last = pieces.length - 1;
  return pieces.map((piece, place) => ({
    ...piece,
    ...tornOf(place === 0 && torn !== "end", place === last && torn !== "start"),
  }));
}

function tornOf(start: unknown, end: unknown): { torn?: NonNullable<Span["torn"]> } {
  if (start === true) return { torn: end === true ? "both" : "start" };
  return end === true ? { torn: "end" } : {};
}

export function to(at: number | undefined): { to?: number } {
  return at === undefined || at === Infinity ? {} : { to: at };
}
