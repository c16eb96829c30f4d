/** One session as a row of the tree: what it says, and how it is read aloud. Pure. */
import type { Session, SessionStatus } from "../protocol/session.ts";
import { isTerminal } from "../protocol/states.ts";
import { abilitiesOf, type Below } from "./commands/abilities.ts";
import {
  costText,
  detailOf,
  needingText,
  oneLine,
  plural,
  spokenDuration,
  stateWord,
  timeTaken,
} from "./sessionWords.ts";

export interface SessionRow {
  label: string;
  /** The changing part: state, agent, time, what it does or why it ended, and what it cost. */
  description: string;
  /** Name of a codicon; `spin` ones turn. */
  icon: string;
  /** Id of a theme colour; absent: the default. */
  color?: string;
  /** What a screen reader says. */
  accessibleLabel: string;
  /** For `when` clauses of menus: `session.running;cancel;send;` or `root;cancel;`. */
  contextValue: string;
  expandable: "no" | "open" | "closed";
}

export interface RowFacts {
  /** Epoch milliseconds. */
  now: number;
  /** How many rows there are right below it. */
  childCount: number;
  /** What there is in the tree below it. */
  below: Below;
  /** Writes a time of the day, such as 14:03. */
  timeOfDay: (at: number) => string;
}

interface Look {
  icon: string;
  color?: string;
}

const looks: Record<SessionStatus, Look> = {
  created: { icon: "circle-outline" },
  queued: { icon: "clock" },
  running: { icon: "loading~spin", color: "charts.blue" },
  suspended: { icon: "list-tree", color: "charts.blue" },
  paused: { icon: "debug-pause", color: "charts.yellow" },
  completed: { icon: "pass", color: "testing.iconPassed" },
  cancelled: { icon: "circle-slash" },
  error: { icon: "error", color: "testing.iconFailed" },
  timeout: { icon: "watch", color: "testing.iconFailed" },
  interrupted: { icon: "debug-disconnect", color: "charts.orange" },
  skipped: { icon: "debug-step-over" },
};

/** In characters: the state beside it has to be seen too. The tooltip has the whole title. */
const longestLabel = 40;

const stalledLook: Look = { icon: "warning", color: "charts.orange" };

const waitingLooks = {
  approval: { icon: "bell-dot", color: "charts.yellow" },
  input: { icon: "comment-unresolved", color: "charts.yellow" },
  children: looks.suspended,
  background: { icon: "server-process", color: "charts.blue" },
} as const;

/** What an outside agent started has the same signs without their circle. */
const adoptedIcons: Partial<Record<SessionStatus, string>> = {
  running: "sync~spin",
  completed: "check",
  error: "close",
};

export function sessionRow(session: Session, facts: RowFacts): SessionRow {
  if (session.kind === "root") return rootRow(session, facts);
  const { now, below, childCount, timeOfDay } = facts;
  const title = oneLine(session.title, 200);
  const word = stateWord(session);
  const time = timeTaken(session, now);
  const agent = oneLine(session.agent, 40);
  const detail = detailOf(session);
  const cost = costText(session.treeUsage);
  const needing = needingText(below.needing, below.needing === 1 ? "child" : "children");
  const ended = isTerminal(session) ? timeOfDay(session.endedAt) : "";
  const said = [word, needing, agent, time, detail, cost, ended];
  const spoken = [
    ...[title, word, needing, agent, spokenDuration(time), detail, cost],
    ended === "" ? "" : `ended ${ended}`,
    childCount > 0 ? plural(childCount, "child", "children") : "",
  ];
  const adopted = session.adopted === true ? ".adopted" : "";
  return {
    label: oneLine(session.title, longestLabel),
    description: joined(said, " · "),
    ...lookOf(session),
    accessibleLabel: joined(spoken, ", "),
    contextValue: context(`session.${session.status}${adopted}`, session, below),
    expandable: expandable(childCount, below.open > 0 || !isTerminal(session)),
  };
}

/** A root says what goes on below it: it has no state of its own. */
function rootRow(session: Session, { below, childCount }: RowFacts): SessionRow {
  const label = oneLine(session.title, 200);
  const said = [
    below.running > 0 ? `${below.running} running` : "",
    below.queued > 0 ? `${below.queued} queued` : "",
    needingText(below.needing),
    costText(session.treeUsage),
    oneLine(session.cwd, 200),
  ];
  return {
    label,
    description: joined(said, " · "),
    icon: "folder",
    accessibleLabel: joined([label, "root", ...said], ", "),
    contextValue: context("root", session, below),
    expandable: expandable(childCount, below.open > 0),
  };
}

function lookOf(session: Session): Look {
  if (session.status === "running" && session.stalled) return stalledLook;
  const look =
    session.status === "suspended" ? waitingLooks[session.waitingFor.kind] : looks[session.status];
  const icon = session.adopted === true ? adoptedIcons[session.status] : undefined;
  return icon === undefined ? look : { ...look, icon };
}

/** What is over is folded at first; a person's own choice stays. */
function expandable(childCount: number, goesOn: boolean): SessionRow["expandable"] {
  if (childCount === 0) return "no";
  return goesOn ? "open" : "closed";
}

function context(kind: string, session: Session, below: Below): string {
  return [kind, ...abilitiesOf(session, below), ""].join(";");
}

function joined(parts: readonly string[], by: string): string {
  return parts.filter((part) => part !== "").join(by);
}
