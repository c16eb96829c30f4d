/** The texts of the timeline: times, numbers, and descriptions of what it shows. Pure. */
import { exactDuration } from "../base/numbers.ts";
import { joined, plural } from "../base/text.ts";
import type { Spent } from "./history.ts";
import type { Lane, Mark, ToolBar } from "./lanes.ts";
import type { End, Span, SpanKind } from "./runSpans.ts";
import type { SignName } from "./signs.ts";

export const spanWords: Record<SpanKind, string> = {
  queued: "queued",
  paused: "paused",
  running: "running",
  stalled: "stalled: no progress",
  approval: "waiting for approval",
  input: "waiting for an answer",
  children: "waiting for children",
  background: "waiting for a process",
  retry: "waiting to try again",
  unknown: "not known: its daemon had ended",
};

/** A time on the axis, as exact as the step between two: `0`, `1.25s`, `2m 30s`, `1h 05m`. */
export function elapsed(milliseconds: number, stepMs: number): string {
  if (milliseconds === 0) return "0";
  if (milliseconds < 1_000 && stepMs < 1_000) return `${milliseconds}ms`;
  let rest = milliseconds;
  const shown = Object.entries({ d: 86_400_000, h: 3_600_000, m: 60_000 }).map(([unit, ms]) => {
    const whole = Math.floor(rest / ms);
    rest -= whole * ms;
    return whole > 0 ? `${whole}${unit}` : "";
  });
  return joined([...shown, rest > 0 ? `${Number((rest / 1_000).toFixed(3))}s` : ""], " ");
}

const halfDayMs = 12 * 3_600_000;
const fineMs = 30_000;

/** A time of the day, as exact as the picture, with the day where the picture is long. */
export function clockTime(at: number, picture: { visibleMs: number; wholeMs: number }): string {
  return new Date(at).toLocaleString(undefined, {
    ...(picture.wholeMs > halfDayMs && ({ month: "short", day: "numeric" } as const)),
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    ...(picture.visibleMs < fineMs && ({ fractionalSecondDigits: 3 } as const)),
  });
}

/** A day and a time, for the start of the whole. */
export function dayTime(at: number): string {
  return new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** `940`, `12.3k`, `4.1M`. */
export function count(value: number): string {
  if (value < 1_000) return String(Math.round(value));
  if (value < 99_950) return `${(value / 1_000).toFixed(1)}k`;
  if (value < 999_500) return `${Math.round(value / 1_000)}k`;
  return `${(value / 1_000_000).toFixed(1)}M`;
}

/** `<$0.001`, `$0.004`, `$0.02`, `$12.30`; empty where nothing was spent. */
export function money(costUsd: number): string {
  if (costUsd <= 0) return "";
  if (costUsd < 0.001) return "<$0.001";
  return `$${costUsd.toFixed(costUsd < 0.01 ? 3 : 2)}`;
}

export function tokensOf({ tokens }: Spent): string {
  return tokens === 0 ? "" : count(tokens);
}

/** What a pointer or the keys can select in a lane. */
export type Item =
  | { type: "span"; of: Span }
  | { type: "tool"; of: ToolBar }
  | { type: "mark"; of: Mark }
  | { type: "end"; of: End };

export interface Description {
  sign: SignName;
  title: string;
  lines: string[];
}

/** Describes an item, for its tooltip and for screen readers. `clock` formats a time. */
export function describeItem(
  lane: Lane,
  item: Item,
  now: number,
  clock: (at: number) => string,
): Description {
  switch (item.type) {
    case "span":
      return describeSpan(lane, item.of, now, clock);
    case "tool": {
      const { title, status, from, to } = item.of;
      const how = status ?? (to === undefined ? "running" : "did not end");
      return { sign: "tool", title, lines: [`${how} · ${period(from, to, now, clock)}`] };
    }
    case "mark": {
      const { kind, text, at } = item.of;
      const title = { retry: "tried again", error: "error", budget: "limit reached" }[kind];
      return { sign: kind, title, lines: [text, clock(at)] };
    }
    case "end": {
      const { status, why, at, spent, run } = item.of;
      const used = spentText(spent);
      return {
        sign: status ?? "created",
        title: status ?? "ended, it is not known how",
        lines: [
          ...(why === undefined ? [] : [why]),
          `${clock(at)}${runText(lane, run)}`,
          ...(used === "" ? [] : [`this run: ${used}`]),
        ],
      };
    }
  }
}

function describeSpan(
  lane: Lane,
  { kind, from, to, torn, run }: Span,
  now: number,
  clock: (at: number) => string,
): Description {
  const unsure = {
    start: "Its exact start is not known: drawn from its first event.",
    end: "Its exact end is not known: drawn to what is known of it.",
    both: "Neither start nor end is known: drawn from its first event to its last.",
  };
  return {
    sign: kind,
    title: spanWords[kind],
    lines: [
      `${period(from, to, now, clock)}${runText(lane, run)}`,
      ...(torn === undefined ? [] : [unsure[torn]]),
    ],
  };
}

function period(
  from: number,
  to: number | undefined,
  now: number,
  clock: (at: number) => string,
): string {
  const end = to === undefined ? "now" : clock(to);
  return `${exactDuration((to ?? now) - from)} · ${clock(from)} – ${end}`;
}

function runText({ spans, ends }: Lane, run: number): string {
  const runs = Math.max(...spans.map((span) => span.run), ...ends.map((end) => end.run));
  return runs > 1 ? ` · run ${run} of ${runs}` : "";
}

/** `12.3k tokens, $0.02`. */
export function spentText(spent: Spent): string {
  const tokens = tokensOf(spent);
  return joined([tokens && `${tokens} tokens`, money(spent.costUsd)], ", ");
}

/** How long the session worked and waited in all its runs: `running 2m 05s`, … */
export function timesOf({ spans }: Lane, now: number): string[] {
  const sums = new Map<SpanKind, number>();
  for (const { kind, from, to = now } of spans) sums.set(kind, (sums.get(kind) ?? 0) + to - from);
  return [...sums]
    .filter(([, ms]) => ms >= 1)
    .map(([kind, ms]) => `${spanWords[kind]} ${exactDuration(ms)}`);
}

export function describeLane(lane: Lane, now: number): Description {
  const { sign, title, word, agent, why, own, tree, tools, omittedTools, read } = lane;
  const ownText = spentText(own);
  const treeText = lane.hasChildren ? spentText(tree) : "";
  const calls = tools.length + omittedTools;
  const lines = [
    joined([word, agent], " · "),
    why ?? "",
    timesOf(lane, now).join(" · "),
    calls === 0 ? "" : plural(calls, "tool call"),
    ownText,
    treeText === "" || treeText === ownText ? "" : `with its children: ${treeText}`,
    omittedTools === 0 ? "" : `The last ${omittedTools} tool calls are not drawn.`,
    read === "part" ? "Only the first part of its history is drawn." : "",
  ];
  return { sign, title, lines: lines.filter((line) => line !== "") };
}

/** What a screen reader says of a lane. */
export function laneLabel(lane: Lane, now: number): string {
  const { title, word, agent, why = "", own, tools } = lane;
  const calls = tools.length === 0 ? "" : `${tools.length} tool calls`;
  return joined([title, word, agent, ...timesOf(lane, now), calls, spentText(own), why], ", ");
}
