/** What the head of a transcript says of its session. Pure. */
import type { Session, Usage } from "../../protocol/session.ts";
import { isLive, isTerminal } from "../../protocol/states.ts";
import type { SessionModel } from "../sessions/sessionModel.ts";
import { abilitiesOf, nothingBelow } from "../sessions/abilities.ts";
import { outcomeText } from "../sessions/outcomeWords.ts";
import { activityOf, costText, duration, stateWord } from "../sessions/sessionWords.ts";
import { stateLook } from "../sessions/stateSigns.ts";
import type { HeadFacts, SessionLink } from "./pageMessages.ts";

interface Parts {
  session: Session;
  /** Newer than the session's own, where a heartbeat told it. */
  usage?: Usage | undefined;
  model: Pick<SessionModel, "get" | "children">;
  isGone: boolean;
  /** Epoch milliseconds. */
  now: number;
}

export function headFacts({ session, usage, model, isGone, now }: Parts): HeadFacts {
  const can = abilitiesOf(session, nothingBelow);
  const facts = [
    session.agent,
    session.model ?? "",
    timeOf(session, now),
    costText(usage ?? session.usage),
  ];
  return {
    title: session.title,
    status: session.status,
    look: stateLook(session),
    state: isGone ? "deleted" : stateOf(session),
    facts: facts.filter((fact) => fact !== ""),
    detail: detailOf(session),
    cwd: session.cwd,
    path: pathOf(session, model),
    children: model.children(session.id).map(linkOf),
    isOpen: !isGone && !isTerminal(session),
    canCancel: !isGone && can.includes("cancel"),
    canPause: !isGone && can.includes("pause"),
    canResume: !isGone && can.includes("resume"),
    canRunAgain: !isGone && can.includes("retry"),
    canSend: !isGone && can.includes("send"),
    isRoot: session.kind === "root",
    isGone,
  };
}

function stateOf(session: Session): string {
  return session.kind === "root" ? "root" : stateWord(session);
}

/** To the second, unlike the rows of the tree: this is the one session that somebody watches. */
function timeOf(session: Session, now: number): string {
  if (isTerminal(session)) {
    return session.startedAt === undefined ? "" : duration(session.endedAt - session.startedAt);
  }
  return isLive(session) ? duration(now - session.startedAt) : "";
}

function detailOf(session: Session): string {
  return isTerminal(session) ? outcomeText(session) : activityOf(session);
}

function pathOf(session: Session, model: Pick<SessionModel, "get">): SessionLink[] {
  const path: SessionLink[] = [];
  for (let id = session.parentId; id !== null;) {
    const above = model.get(id);
    if (above === undefined) break;
    path.unshift(linkOf(above));
    id = above.parentId;
  }
  return path;
}

function linkOf(session: Session): SessionLink {
  const { id, title, status } = session;
  return { id, title, status, look: stateLook(session) };
}
