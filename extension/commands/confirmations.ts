/** What a person is asked before sessions are cancelled or deleted. Pure. */
import type { Session } from "../../protocol/session.ts";
import { isLive, isTerminal } from "../../protocol/states.ts";
import { joined, oneLine, plural } from "../base/text.ts";
import type { SessionModel } from "../sessions/sessionModel.ts";
import { stateWord } from "../sessions/sessionWords.ts";

export interface Confirmation {
  message: string;
  detail: string;
  button: string;
  /** Text of the other button, where the editor's “Cancel” could be taken for the action. */
  dismiss?: string;
}

const mostNamed = 8;

/** The sessions that are not below another one of them. */
export function topmost(sessions: readonly Session[], model: SessionModel): Session[] {
  const ids = new Set(sessions.map(({ id }) => id));
  return sessions.filter((session) => !model.above(session).some(({ id }) => ids.has(id)));
}

export function openIn(sessions: readonly Session[], model: SessionModel): Session[] {
  return subtreesOf(sessions, model).filter(
    (session) => session.kind === "child" && !isTerminal(session),
  );
}

function subtreesOf(sessions: readonly Session[], model: SessionModel): Session[] {
  return topmost(sessions, model).flatMap(({ id }) => model.subtree(id));
}

/** Undefined for a single run: the command says what it does, and the run can be repeated. */
export function confirmCancel(
  sessions: readonly Session[],
  model: SessionModel,
): Confirmation | undefined {
  const ending = openIn(sessions, model);
  if (ending.length < 2) return undefined;
  return {
    message: `Cancel ${plural(ending.length, "sub-agent")}?`,
    detail: listOf(ending),
    button: `Cancel ${ending.length} Sub-agents`,
    dismiss: "Let Them Go On",
  };
}

export function confirmDelete(sessions: readonly Session[], model: SessionModel): Confirmation {
  const all = subtreesOf(sessions, model).filter(({ kind }) => kind === "child");
  const open = all.filter((session) => !isTerminal(session)).length;
  const roots = topmost(sessions, model).filter(({ kind }) => kind === "root").length;
  const what = [
    roots > 0 ? plural(roots, "root") : "",
    all.length > 0 || roots === 0 ? plural(all.length, "sub-agent") : "",
  ];
  const ends =
    open > 0 ? `${plural(open, "of them is", "of them are")} not over and will be cancelled. ` : "";
  return {
    message: `Delete ${joined(what, " and ")} with all transcripts?`,
    detail: `${ends}This cannot be undone.\n\n${listOf(all)}`,
    button: "Delete",
  };
}

/** The topmost sessions whose whole subtree has ended. */
export function finishedIn(sessions: readonly Session[], model: SessionModel): Session[] {
  const finished = sessions.filter(
    ({ id, kind }) => kind === "child" && model.subtree(id).every(isTerminal),
  );
  return topmost(finished, model);
}

export function confirmClear(finished: readonly Session[], model: SessionModel): Confirmation {
  const all = subtreesOf(finished, model);
  return {
    message: `Delete ${plural(all.length, "finished sub-agent")} with all transcripts?`,
    detail: `What still runs or waits stays. This cannot be undone.\n\n${listOf(all)}`,
    button: "Delete",
  };
}

export function confirmRestart(model: SessionModel): Confirmation | undefined {
  const live = [...model.all()].filter((session) => isLive(session));
  if (live.length === 0) return undefined;
  return {
    message: `Restart the daemon and interrupt ${plural(live.length, "running sub-agent")}?`,
    detail: `They end as interrupted, for all windows, and can be run again. What is queued stays queued.\n\n${listOf(live)}`,
    button: "Restart",
  };
}

function listOf(sessions: readonly Session[]): string {
  const named = sessions
    .slice(0, mostNamed)
    .map((session) => `• ${oneLine(session.title, 60)} (${stateWord(session)})`);
  const more = sessions.length - named.length;
  return [...named, ...(more > 0 ? [`and ${more} more`] : [])].join("\n");
}
