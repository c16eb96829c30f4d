/** The texts for one session: its state, its times, its usage and a detail. Pure. */
import {
  isLive,
  isTerminal,
  type Session,
  type SessionStatus,
  type WaitingFor,
} from "../../protocol/session.ts";
import type { Style } from "./output.ts";
import type { RunFacts } from "./treeModel.ts";
import { cleanLine, formatCount, formatDuration, formatMoney } from "../client/values.ts";

const looks: Record<SessionStatus, { readonly glyph: string; readonly style: Style }> = {
  created: { glyph: "·", style: "dim" },
  queued: { glyph: "○", style: "dim" },
  running: { glyph: "●", style: "cyan" },
  suspended: { glyph: "◐", style: "blue" },
  paused: { glyph: "‖", style: "yellow" },
  completed: { glyph: "✓", style: "green" },
  cancelled: { glyph: "⊘", style: "yellow" },
  error: { glyph: "✗", style: "red" },
  timeout: { glyph: "◷", style: "red" },
  interrupted: { glyph: "↯", style: "magenta" },
  skipped: { glyph: "–", style: "dim" },
};

/** Glyph, word and colour of a state; `stalled` is shown for a run without progress. */
export function lookOf(session: Session, facts: RunFacts | undefined) {
  const stalled = isLive(session) && (facts?.stalled ?? session.stalled);
  return stalled && session.status === "running"
    ? ({ word: "stalled", glyph: "!", style: "yellow" } as const)
    : { word: session.status, ...looks[session.status] };
}

/** How long the run took, or has run or waited so far; empty for a session without a run. */
export function elapsedOf(session: Session, now: number): string {
  if (isTerminal(session)) {
    return session.startedAt === undefined
      ? ""
      : formatDuration(session.endedAt - session.startedAt);
  }
  if (isLive(session)) return formatDuration(now - session.startedAt);
  if (session.status === "created") return "";
  return formatDuration(now - session.queuedAt);
}

/** Tokens and money, if any were used: "1.2k tokens $0.03". */
export function usageOf(session: Session, facts: RunFacts | undefined): string {
  const { inputTokens, outputTokens, costUsd } = isLive(session)
    ? (facts?.usage ?? session.usage)
    : session.usage;
  const tokens = inputTokens + outputTokens;
  return [
    ...(tokens > 0 ? [`${formatCount(tokens)} tokens`] : []),
    ...(costUsd > 0 ? [formatMoney(costUsd)] : []),
  ].join(" ");
}

/** What the session does or waits for, or its outcome, on one line; may be empty. */
export function detailOf(session: Session, facts: RunFacts | undefined, now: number): string {
  switch (session.status) {
    case "created":
      return "not started yet";
    case "queued": {
      const position = facts?.position ?? session.position;
      return position === undefined ? "" : `position ${position} in the queue`;
    }
    case "paused":
      return "";
    case "suspended":
      return waitText(session.waitingFor);
    case "running": {
      const silent = now - (facts?.lastProgressAt ?? session.lastProgressAt);
      if (facts?.stalled ?? session.stalled) return `no progress for ${formatDuration(silent)}`;
      const activity = facts?.activity ?? session.activity;
      return cleanLine(facts?.lastText ?? activity?.label ?? "");
    }
    case "completed":
      return lastLine(session.result);
    case "cancelled":
    case "error":
    case "timeout":
    case "interrupted":
    case "skipped":
      return [session.error && cleanLine(session.error.message), session.reason]
        .filter((part) => part !== undefined && part !== "")
        .join(" · ");
  }
}

function waitText({ kind, ids, until = 0 }: WaitingFor): string {
  switch (kind) {
    case "approval":
      return "waits for your approval";
    case "children":
      return ids.length === 1 ? "waits for 1 sub-agent" : `waits for ${ids.length} sub-agents`;
    case "input":
      return "waits for a message";
    case "retry":
      return `waits to try again at ${new Date(until).toLocaleTimeString()}`;
    case "background":
      return "waits for a background process";
  }
}

function lastLine(text: string | undefined): string {
  const lines = (text ?? "").split(/[\r\n]+/);
  return cleanLine(lines.findLast((line) => line.trim() !== "") ?? "");
}
