/** What a person can choose to see: which sessions, in which order. Pure. */
import type { Session, SessionStatus } from "../../protocol/session.ts";
import { isTerminal } from "../../protocol/states.ts";
import { needsPerson } from "../sessions/sessionWords.ts";

export interface TreeOptions {
  scope: keyof typeof scopes;
  sort: keyof typeof sortOrders;
  /** Searched in title, agent, model, folder and id, ignoring case; empty for everything. */
  text: string;
  /** Empty for every state. */
  states: readonly StateGroup[];
}

export const defaultOptions: TreeOptions = {
  scope: "workspace",
  sort: "work",
  text: "",
  states: [],
};

export const stateGroups = {
  needsYou: "Needs you",
  live: "Running or waiting",
  queued: "Queued or not started",
  paused: "Paused",
  completed: "Completed",
  failed: "Failed, timed out or interrupted",
  stopped: "Cancelled or skipped",
};
export type StateGroup = keyof typeof stateGroups;

export const sortOrders = {
  work: "In the order of the work",
  newest: "Newest first",
  state: "What needs you and what runs first",
  cost: "Most expensive first",
  title: "By title",
};

export const scopes = {
  mine: "Only mine: spawned from this window",
  workspace: "This workspace",
  all: "All",
};

export function isFiltered({ text, states }: TreeOptions): boolean {
  return text !== "" || states.length > 0;
}

const groupOfStatus: Readonly<Record<SessionStatus, StateGroup>> = {
  created: "queued",
  queued: "queued",
  running: "live",
  suspended: "live",
  paused: "paused",
  completed: "completed",
  cancelled: "stopped",
  skipped: "stopped",
  error: "failed",
  timeout: "failed",
  interrupted: "failed",
};

function stateGroupOf(session: Session): StateGroup {
  return needsPerson(session) ? "needsYou" : groupOfStatus[session.status];
}

/** Whether a session passes the filter. */
export function matches(session: Session, { text, states }: TreeOptions): boolean {
  if (states.length > 0 && !states.includes(stateGroupOf(session))) return false;
  if (text === "") return true;
  const wanted = text.toLowerCase();
  const { title, agent, model = "", cwd, id } = session;
  return [title, agent, model, cwd, id].some((one) => one.toLowerCase().includes(wanted));
}

/** Siblings in an order; equal ones stay in the order of their creation. */
export function sorted(
  siblings: readonly Session[],
  order: TreeOptions["sort"],
): readonly Session[] {
  if (order === "work") return siblings;
  if (order === "newest") return siblings.toReversed();
  return siblings.toSorted((a, b) => compare[order](a, b));
}

const compare = {
  state: (a: Session, b: Session) => urgency(a) - urgency(b),
  cost: (a: Session, b: Session) => b.treeUsage.costUsd - a.treeUsage.costUsd,
  title: (a: Session, b: Session) => a.title.localeCompare(b.title),
} as const;

function urgency(session: Session): number {
  if (needsPerson(session)) return 0;
  if (session.status === "running") return 1;
  return isTerminal(session) ? 3 : 2;
}
