/** One session as a row of the tree: its texts, its icon, and what a screen reader says. Pure. */
import type { Session, TerminalSession } from "../../protocol/session.ts";
import { isTerminal } from "../../protocol/states.ts";
import { joined, oneLine, plural } from "../base/text.ts";
import { abilitiesOf, type Below } from "../sessions/abilities.ts";
import { outcomeText, whyEnded } from "../sessions/outcomeWords.ts";
import {
  activityOf,
  costText,
  needingText,
  plainStateWord,
  spokenDuration,
  stateWord,
  timeTaken,
} from "../sessions/sessionWords.ts";
import { shownState, stateSigns, toneColors } from "../sessions/stateSigns.ts";

export interface SessionRow {
  label: string;
  /**
   * The changing part, the shortest facts first, because a side bar is narrow. It has the state only
   * where the icon does not say it.
   */
  description: string;
  /** Name of a codicon; `spin` ones turn. */
  icon: string;
  /** Id of a theme colour; absent: the default. */
  color?: string;
  accessibleLabel: string;
  /** For `when` clauses of menus: `session.running;cancel;send;` or `root;cancel;`. */
  contextValue: string;
  expandable: "no" | "open" | "closed";
}

export interface RowFacts {
  /** Epoch milliseconds. */
  now: number;
  childCount: number;
  below: Below;
  /** Formats a time of the day, such as 14:03. */
  timeOfDay: (at: number) => string;
}

export function sessionRow(session: Session, facts: RowFacts): SessionRow {
  if (session.kind === "root") return rootRow(session, facts);
  const { now, below, childCount, timeOfDay } = facts;
  const title = oneLine(session.title, 200);
  const time = timeTaken(session, now);
  const agent = oneLine(session.agent, 40);
  const cost = costText(session.treeUsage);
  const needing = needingText(below.needing, below.needing === 1 ? "child" : "children");
  const ended = isTerminal(session) ? timeOfDay(session.endedAt) : "";
  const detail = isTerminal(session) ? whyEnded(session) : activityOf(session);
  const adopted = session.adopted === true ? "adopted" : "";
  const shown = isTerminal(session)
    ? [needing, adopted, time, ended, shownEnd(session), agent, cost]
    : [needing, adopted, shownWord(session), time, agent, detail, cost];
  const spoken = [
    ...[title, stateWord(session), needing, agent, spokenDuration(time), detail, cost],
    ended === "" ? "" : `ended ${ended}`,
    childCount > 0 ? plural(childCount, "child", "children") : "",
  ];
  const kind = `session.${session.status}${session.adopted === true ? ".adopted" : ""}`;
  return {
    label: title,
    description: joined(shown, " · "),
    ...iconOf(session),
    accessibleLabel: joined(spoken, ", "),
    contextValue: context(kind, session, below),
    expandable: expandable(childCount, below.open > 0 || !isTerminal(session)),
  };
}

/** The reason of an interruption says also that the run was interrupted. */
function shownEnd(session: TerminalSession): string {
  const why = session.status === "interrupted" ? whyEnded(session) : "";
  return why === "" ? outcomeText(session) : why;
}

/** The turning icon says that the session runs. */
function shownWord(session: Session): string {
  return session.status === "running" && !session.stalled ? "" : plainStateWord(session);
}

/** A root has no state of its own: its row counts those below it. */
function rootRow(session: Session, { below, childCount }: RowFacts): SessionRow {
  const label = oneLine(session.title, 200);
  const facts = [
    below.running > 0 ? `${below.running} running` : "",
    below.queued > 0 ? `${below.queued} queued` : "",
    needingText(below.needing),
    costText(session.treeUsage),
    oneLine(session.cwd, 200),
  ];
  return {
    label,
    description: joined(facts, " · "),
    icon: "folder",
    accessibleLabel: joined([label, "root", ...facts], ", "),
    contextValue: context("root", session, below),
    expandable: expandable(childCount, below.open > 0),
  };
}

function iconOf(session: Session): Pick<SessionRow, "icon" | "color"> {
  const { tone, icon, adoptedIcon } = stateSigns[shownState(session)];
  return {
    icon: session.adopted === true ? (adoptedIcon ?? icon) : icon,
    ...(tone !== "quiet" && { color: toneColors[tone] }),
  };
}

/** Without a choice of the person, rows are folded when everything below has ended. */
function expandable(childCount: number, goesOn: boolean): SessionRow["expandable"] {
  if (childCount === 0) return "no";
  return goesOn ? "open" : "closed";
}

function context(kind: string, session: Session, below: Below): string {
  return [kind, ...abilitiesOf(session, below), ""].join(";");
}
