/**
 * Converts times to places on the axis and back. Idle time can be left out: the axis then has a
 * break, and "shown" milliseconds do not count the idle time. Pure.
 */
import type { Lane } from "./lanes.ts";
import type { SpanKind } from "./runSpans.ts";

/** The first and the last time of the picture, in epoch milliseconds. */
export interface Extent {
  from: number;
  to: number;
  /** Whether something still runs: then `to` is now. */
  isLive: boolean;
}

export interface Gap {
  from: number;
  to: number;
}

export interface TimeScale {
  /** The start of the picture in epoch milliseconds: elapsed times are counted from it. */
  start: number;
  length: number;
  /** Converts epoch milliseconds to shown milliseconds; a time in a break becomes the break. */
  shown(at: number): number;
  /** Converts shown milliseconds to epoch milliseconds; a break becomes its end. */
  time(shown: number): number;
  /** The times that are left out, with their places in shown milliseconds. */
  breaks: (Gap & { shown: number })[];
}

const workKinds: ReadonlySet<SpanKind> = new Set(["running", "stalled", "retry", "background"]);
const leastExtentMs = 1_000;
/** A gap is left out when it lasts this long, and this share of the time of work. */
const leastGapMs = 30_000;
const leastGapShare = 0.15;

export function extentOf(lanes: readonly Lane[], now: number): Extent {
  let from = Infinity;
  let to = -Infinity;
  let isLive = false;
  // Tool calls and signs lie within the spans.
  for (const { spans, ends, createdAt } of lanes) {
    from = Math.min(from, createdAt);
    for (const span of spans) {
      from = Math.min(from, span.from);
      to = Math.max(to, span.to ?? now);
      isLive ||= span.to === undefined;
    }
    for (const { at } of ends) to = Math.max(to, at);
  }
  if (from === Infinity) return { from: now - leastExtentMs, to: now, isLive: false };
  return { from, to: Math.max(to, from + leastExtentMs), isLive };
}

/** The long times in which nothing ran. */
export function gapsOf(lanes: readonly Lane[], { from, to }: Extent, now: number): Gap[] {
  const steps = parallelOf(lanes, now);
  const gaps: Gap[] = [];
  let idleSince = from;
  let before = 0;
  for (const { at, count } of steps) {
    if (before === 0 && count > 0 && at > idleSince) gaps.push({ from: idleSince, to: at });
    if (count === 0) idleSince = at;
    before = count;
  }
  const idle = gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0);
  const least = Math.max(leastGapMs, (to - from - idle) * leastGapShare);
  return gaps.filter((gap) => gap.to - gap.from >= least);
}

export interface Step {
  at: number;
  /** How many sessions work from here on. */
  count: number;
}

/** How many sessions worked at once. Waiting for people or for children is no work. */
export function parallelOf(lanes: readonly Lane[], now: number): Step[] {
  const changes: { at: number; by: number }[] = [];
  for (const { spans } of lanes) {
    for (const { kind, from, to = now } of spans) {
      if (!workKinds.has(kind) || to <= from) continue;
      changes.push({ at: from, by: 1 }, { at: to, by: -1 });
    }
  }
  changes.sort((a, b) => a.at - b.at);
  const steps: Step[] = [];
  let count = 0;
  for (const { at, by } of changes) {
    count += by;
    const last = steps.at(-1);
    if (last?.at === at) last.count = count;
    else steps.push({ at, count });
  }
  return steps;
}

export function timeScale({ from, to }: Extent, gaps: readonly Gap[]): TimeScale {
  const breaks: TimeScale["breaks"] = [];
  let left = 0;
  for (const gap of gaps) {
    breaks.push({ ...gap, shown: gap.from - from - left });
    left += gap.to - gap.from;
  }
  return {
    start: from,
    length: to - from - left,
    breaks,
    shown(at) {
      let leftOut = 0;
      for (const gap of breaks) {
        if (at <= gap.from) break;
        if (at < gap.to) return gap.shown;
        leftOut += gap.to - gap.from;
      }
      return at - from - leftOut;
    },
    time(shown) {
      let leftOut = 0;
      for (const gap of breaks) {
        if (shown < gap.shown) break;
        leftOut += gap.to - gap.from;
      }
      return from + shown + leftOut;
    },
  };
}

export interface Tick {
  /** Shown milliseconds. */
  shown: number;
  /** Elapsed since the start, breaks included. */
  elapsedMs: number;
  stepMs: number;
}

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const steps = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * second),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * minute),
  ...[1, 2, 3, 6, 12].map((n) => n * hour),
  ...[1, 2, 7, 14, 30, 90, 365].map((n) => n * day),
];

/** At most `most` round elapsed times between two shown times. */
export function ticksOf(scale: TimeScale, from: number, to: number, most: number): Tick[] {
  const stepMs = steps.find((step) => (to - from) / step <= most) ?? 365 * day;
  const ticks: Tick[] = [];
  const edges = [...scale.breaks.map(({ shown }) => shown), Infinity];
  let begin = from;
  for (const edge of edges) {
    const end = Math.min(edge, to);
    if (end <= begin) continue;
    // At a break the elapsed time jumps: each side has round times of its own.
    const offset = scale.time(begin) - scale.start - begin;
    const first = Math.ceil((begin + offset) / stepMs) * stepMs;
    for (let elapsedMs = first; elapsedMs - offset < end; elapsedMs += stepMs) {
      ticks.push({ shown: elapsedMs - offset, elapsedMs, stepMs });
    }
    begin = end;
  }
  return ticks;
}
