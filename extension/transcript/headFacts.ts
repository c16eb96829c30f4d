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
  const ms = runMs(session, now);
  // In seconds, unlike in the rows of the tree: a person watches only this session.
  const time = ms === undefined ? "" : duration(ms);
  const facts = [session.agent, session.model ?? "", time, costText(usage ?? session.usage)];
  const isRoot = session.kind === "root";
  return {
    title: session.title,
    status: session.status,
    sign: shownState(session),
    state: isGone ? "deleted" : isRoot ? "root" : stateWord(session),
    facts: facts.filter((fact) => fact !== ""),
    detail: isTerminal(session) ? outcomeText(session) : activityOf(session),
    cwd: session.cwd,
    path: model.above(session).map(linkOf).toReversed(),
    children: model.children(session.id).map(linkOf),
    isOpen: !isGone && !isTerminal(session),
    abilities: isGone ? [] : abilitiesOf(session, nothingBelow),
    isRoot,
    isGone,
  };
}

function linkOf(session: Session): SessionLink {
  const { id, title, status } = session;
  return { id, title, status, sign: shownState(session) };
}
