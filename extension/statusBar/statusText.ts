/** What the status bar says of all trees together. Pure. */
import type { Session } from "../../protocol/session.ts";
import { isTerminal } from "../../protocol/states.ts";
import { plural } from "../base/text.ts";
import { needsMessage } from "../sessions/sessionWords.ts";

export type StatusFacts = ReturnType<typeof statusFacts>;

/** `midnight` is the start of today, in epoch milliseconds. */
export function statusFacts(sessions: Iterable<Session>, approvalCount: number, midnight: number) {
  const facts = {
    running: 0,
    queued: 0,
    /** Approvals, and runs that wait for a message. */
    needingYou: approvalCount,
    /** US dollars spent by the sessions that have worked today. */
    costToday: 0,
  };
  for (const session of sessions) {
    if (session.kind === "root") continue;
    if (session.status === "running") facts.running += 1;
    if (session.status === "queued") facts.queued += 1;
    if (needsMessage(session)) facts.needingYou += 1;
    if (session.updatedAt >= midnight && hasWorkedSince(session, midnight)) {
      facts.costToday += session.usage.costUsd;
    }
  }
  return facts;
}

export function statusText({ running, queued, needingYou, costToday }: StatusFacts) {
  const money = costToday >= 0.005 ? `$${costToday.toFixed(2)}` : "";
  const shown = [
    ...(running > 0 ? [`$(loading~spin) ${running}`] : []),
    ...(running === 0 && queued > 0 ? [`$(clock) ${queued}`] : []),
    ...(needingYou > 0 ? [`$(bell-dot) ${needingYou}`] : []),
    ...(money === "" ? [] : [money]),
  ];
  const lines = [
    running > 0 ? `${plural(running, "sub-agent")} running` : "",
    queued > 0 ? `${queued} queued` : "",
    needingYou > 0 ? `${needingYou} waiting for you` : "",
    money === "" ? "" : `${money} spent by the sub-agents that worked today`,
  ].filter((line) => line !== "");
  return {
    /** With icons, for the status bar; empty when there is nothing to say. */
    text: shown.length === 0 ? "" : `$(type-hierarchy-sub) ${shown.join("  ")}`,
    lines,
    accessibleLabel: `Offshoot: ${lines.join(", ")}`,
  };
}

/** By the end of its run: renaming a session updates it, too, and is no work. */
function hasWorkedSince(session: Session, time: number): boolean {
  return !isTerminal(session) || session.endedAt >= time;
}
