/** The facts in the head of a transcript. Pure. */
import type { Session, Usage } from "../../protocol/session.ts";
import { isTerminal } from "../../protocol/states.ts";
import { duration } from "../base/numbers.ts";
import type { SessionModel } from "../sessions/sessionModel.ts";
import { abilitiesOf, nothingBelow } from "../sessions/abilities.ts";
import { outcomeText } from "../sessions/outcomeWords.ts";
import { activityOf, costText, runMs, stateWord } from "../sessions/sessionWords.ts";
import { shownState } from "../sessions/stateSigns.ts";
import type { HeadFacts, SessionLink } from "./pageMessages.ts";

interface Given {
  session: Session;
  /** The usage in a heartbeat, which is newer than the session's own. */
  usage?: Usage | undefined;
  model: Pick<SessionModel, "above" | "children">;
  isGone: boolean;
  /** Epoch milliseconds. */
  now: number;
}

export function headFacts({ session, usage, model, isGone, now }: Given): HeadFacts {
  const facts = [
    session.agent,
    session.model ?? "",
    timeOf(session, now),
    costText(usage ?? session.usage),
  ];
  return {
    title: session.title,
    status: session.status,
    sign: shownState(session),
    state: isGone ? "deleted" : stateOf(session),
    facts: facts.filter((fact) => fact !== ""),
    detail: detailOf(session),
    cwd: session.cwd,
    path: model.above(session).map(linkOf).toReversed(),
    children: model.children(session.id).map(linkOf),
    isOpen: !isGone && !isTerminal(session),
    abilities: isGone ? [] : abilitiesOf(session, nothingBelow),
    isRoot: session.kind === "root",
    isGone,
  };
}

function stateOf(session: Session): string {
  return session.kind === "root" ? "root" : stateWord(session);
}

/** In seconds, unlike in the rows of the tree: a person watches only this session. */
function timeOf(session: Session, now: number): string {
  const ms = runMs(session, now);
  return ms === undefined ? "" : duration(ms);
}

function detailOf(session: Session): string {
  return isTerminal(session) ? outcomeText(session) : activityOf(session);
}

function linkOf(session: Session): SessionLink {
  const { id, title, status } = session;
  return { id, title, status, sign: shownState(session) };
}
