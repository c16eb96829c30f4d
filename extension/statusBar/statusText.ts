/** What the status bar says of all trees together. Pure. */
import type { Session } from "../../protocol/session.ts";
import { isTerminal } from "../../protocol/states.ts";
import type { OpenApprovals } from "../approvals/approvalInbox.ts";

export interface PresenceFacts {
  running: number;
  queued: number;
  /** Approvals, and runs that wait for a person's words. */
  needingYou: number;
  /** US dollars spent by the sessions that have worked today. */
  costToday: number;
}

export interface PresenceText {
  /** With icons, for the status bar; empty when there is nothing to say. */
  text: string;
  /** Lines of the tooltip. */
  lines: string[];
  accessibleLabel: string;
}

/** `midnight`, in epoch milliseconds, is when today began. */
export function presenceFacts(
  sessions: Iterable<Session>,
  approvals: OpenApprovals,
  midnight: number,
): PresenceFacts {
  const facts = { running: 0, queued: 0, needingYou: approvals.size, costToday: 0 };
  for (const session of sessions) {
    if (session.kind === "root") continue;
    if (session.status === "running") facts.running += 1;
    if (session.status === "queued") facts.queued += 1;
    if (waitsForWords(session)) facts.needingYou += 1;
    if (session.updatedAt >= midnight && hasWorkedSince(session, midnight)) {
      facts.costToday += session.usage.costUsd;
    }
  }
  return facts;
}

export function presenceText({
  running,
  queued,
  needingYou,
  costToday,
}: PresenceFacts): PresenceText {
  const money = costToday >= 0.005 ? `$${costToday.toFixed(2)}` : "";
  const parts = [
    ...(running > 0 ? [`$(loading~spin) ${running}`] : []),
    ...(running === 0 && queued > 0 ? [`$(clock) ${queued}`] : []),
    ...(needingYou > 0 ? [`$(bell-dot) ${needingYou}`] : []),
    ...(money === "" ? [] : [money]),
  ];
  const lines = [
    running > 0 ? `${count(running, "sub-agent")} running` : "",
    queued > 0 ? `${queued} queued` : "",
    needingYou > 0 ? `${needingYou} waiting for you` : "",
    money === "" ? "" : `${money} spent by the sub-agents that worked today`,
  ].filter((line) => line !== "");
  return {
    text: parts.length === 0 ? "" : `$(type-hierarchy-sub) ${parts.join("  ")}`,
    lines,
    accessibleLabel: `Offshoot: ${lines.join(", ")}`,
  };
}

export function waitsForWords(session: Session): boolean {
  return session.status === "suspended" && session.waitingFor.kind === "input";
}

/** Being renamed is no work: what counts is when its run ended. */
function hasWorkedSince(session: Session, time: number): boolean {
  return !isTerminal(session) || session.endedAt >= time;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
