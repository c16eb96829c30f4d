/** What a model reads of sub-agents and of errors. Pure. */
import type { ErrorKind } from "../../protocol/errors.ts";
import type { Session } from "../../protocol/session.ts";
import { isTerminal } from "../../protocol/states.ts";
import { errorKind } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";

/** Characters of all results together: the answer of a tool fills the context of the model. */
const resultsRoom = 60_000;

/** One line for each session, with its result below. `short`: without results. */
export function textOfSessions(
  sessions: readonly Session[],
  length: "short" | "full" = "full",
): string {
  const room = Math.floor(resultsRoom / Math.max(1, sessions.length));
  return sessions.map((session) => textOf(session, length === "short" ? 0 : room)).join("\n");
}

function textOf(session: Session, room: number): string {
  const { title, agent, status, id } = session;
  const detail = detailOf(session);
  const why = detail === "" ? "" : `: ${detail}`;
  const line = `"${oneLine(title, 200)}" (${agent}) ${status}${why} [id ${id}]`;
  const result = isTerminal(session) ? (session.result ?? "").trimEnd() : "";
  if (result === "" || room === 0) return line;
  const cut = result.length > room ? "\n… (cut; offshoot_wait for it alone shows more)" : "";
  return `${line}\n<result>\n${result.slice(0, room)}${cut}\n</result>`;
}

function detailOf(session: Session): string {
  if (isTerminal(session)) return session.error?.message ?? session.reason ?? "";
  switch (session.status) {
    case "queued":
      return session.position === undefined ? "" : `place ${session.position} in the queue`;
    case "suspended":
      return session.waitingFor.kind === "approval"
        ? "waits for a person to allow what it wants to do"
        : `waits for ${session.waitingFor.kind}`;
    case "running":
      return session.activity === undefined ? "" : oneLine(session.activity.label, 200);
    case "created":
      return "not started; offshoot_send starts it";
    case "paused":
      return "";
  }
}

/** What a model can do about an error; empty where there is nothing to add. */
export function adviceFor(error: unknown): string {
  return advice[errorKind(error) as ErrorKind] ?? "";
}

const advice: Partial<Record<ErrorKind, string>> = {
  sessionNotFound: "offshoot_list shows the sub-agents that there are.",
  agentNotFound: "Take one that offshoot_list shows, or none for the default.",
  invalidState: "offshoot_list shows the states; offshoot_wait waits for an end.",
  limitExceeded: "Finish with what you have, or send work to a sub-agent that you have.",
  overloaded: "Call offshoot_wait until some have ended, then try again.",
  notTrusted: "Tell the user: nothing is run until this workspace is trusted.",
  storeUnavailable: "Tell the user; nothing was started.",
  shuttingDown: "Nothing was started; try again in some seconds.",
  cwdNotFound: "Give a folder that exists, or none for the workspace's.",
};
