/** A tree as data for the timeline: a lane for each session, with spans of time. Pure. */
import type { Session } from "../../protocol/session.ts";
import { isLive, isTerminal } from "../../protocol/states.ts";
import { oneLine } from "../base/text.ts";
import { whyEnded } from "../sessions/outcomeWords.ts";
import { stateWord } from "../sessions/sessionWords.ts";
import { shownState, type ShownState } from "../sessions/stateSigns.ts";
import {
  noHistory,
  spentOf,
  withSession,
  type RunHistory,
  type SessionHistory,
  type Spent,
  type ToolCall,
} from "./history.ts";
import { spansOfRun, to, type End, type Span } from "./runSpans.ts";

export interface Timeline {
  title: string;
  /** In the order of the tree: each session before its children, siblings by age. */
  lanes: Lane[];
  total: Spent;
}

export interface Lane {
  sessionId: string;
  title: string;
  agent: string;
  /** 0 for the children of the root. */
  depth: number;
  sign: ShownState;
  /** The state in words: "needs approval", "queued, place 3". */
  word: string;
  /** The reason for the state, where it is known. */
  why?: string;
  own: Spent;
  /** With that of all descendants. */
  tree: Spent;
  hasChildren: boolean;
  createdAt: number;
  spans: Span[];
  ends: End[];
  tools: ToolBar[];
  marks: Mark[];
  /** How much of the history is read. */
  read: "nothing" | "part" | "all";
  omittedTools: number;
}

export type ToolBar = Omit<ToolCall, "id">;

export interface Mark {
  kind: "retry" | "error" | "budget";
  at: number;
  text: string;
}

const longestTitle = 120;

/** `sessions` are those of one tree, with its root. */
export function timelineOf(
  sessions: readonly Session[],
  historyOf: (sessionId: string) => SessionHistory | undefined,
): Timeline {
  const ordered = inTreeOrder(sessions);
  const parents = new Set(ordered.map(({ parentId }) => parentId));
  const lanes = ordered.map((session) => ({
    ...laneOf(session, historyOf(session.id)),
    hasChildren: parents.has(session.id),
  }));
  return { ...totalOf(sessions.find(({ kind }) => kind === "root")), lanes };
}

export function totalOf(root: Session | undefined): Pick<Timeline, "title" | "total"> {
  if (root === undefined) return { title: "", total: { tokens: 0, costUsd: 0 } };
  return { title: oneLine(root.title, longestTitle), total: spentOf(root.treeUsage) };
}

/** The sub-agents, each before its children. A session whose parent is missing stands at the top. */
export function inTreeOrder(sessions: readonly Session[]): Session[] {
  const known = new Set(sessions.map(({ id }) => id));
  const children = new Map<string, Session[]>();
  // Ids are ordered by time.
  for (const session of sessions.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    if (session.kind === "root") continue;
    const { parentId, rootId } = session;
    const above = parentId !== null && known.has(parentId) ? parentId : rootId;
    children.set(above, [...(children.get(above) ?? []), session]);
  }
  const below = (id: string): Session[] =>
    (children.get(id) ?? []).flatMap((child) => [child, ...below(child.id)]);
  const [first] = sessions;
  return first === undefined ? [] : below(first.rootId);
}

/** Without a history the lane is made from the header alone. The caller sets `hasChildren`. */
export function laneOf(session: Session, history: SessionHistory = noHistory): Lane {
  const known = withSession(history, session);
  const currentId = "runId" in session ? session.runId : undefined;
  const runs = known.runs.map((run, place) =>
    spansOfRun(run, place + 1, run.runId === currentId ? session : undefined),
  );
  const why = whyOf(session);
  return {
    sessionId: session.id,
    title: oneLine(session.title, longestTitle),
    agent: oneLine(session.agent, longestTitle),
    depth: Math.max(0, session.depth - 1),
    sign: shownState(session),
    word: stateWord(session),
    ...(why !== undefined && { why }),
    own: spentOf(session.usage),
    tree: spentOf(session.treeUsage),
    hasChildren: false,
    createdAt: session.createdAt,
    spans: runs.flatMap(({ spans }) => spans),
    ends: runs.flatMap(({ ends }) => ends),
    tools: known.runs.flatMap((run) => toolsOf(run, run.runId === currentId && isLive(session))),
    marks: known.runs.flatMap(marksOf).sort((a, b) => a.at - b.at),
    read: readOf(session, history),
    omittedTools: known.omittedTools,
  };
}

function readOf(session: Session, { readUpTo }: SessionHistory): Lane["read"] {
  if (readUpTo >= session.lastSeq) return "all";
  return readUpTo === 0 ? "nothing" : "part";
}

/** A call without an end lasts until the end of its run. */
function toolsOf(run: RunHistory, isRunning: boolean): ToolBar[] {
  return run.tools.map(({ id: _id, ...call }) => {
    const { endedAt = run.lastEventAt } = run;
    const last = run.isLost === true ? run.lastEventAt : endedAt;
    const over = call.to ?? (isRunning ? undefined : last);
    return { ...call, ...to(over) };
  });
}

function marksOf(run: RunHistory): Mark[] {
  const retries = run.retries.map(({ at, attempt, why }) => ({
    kind: "retry" as const,
    at,
    text: `attempt ${attempt - 1} failed: ${why}`,
  }));
  return [...retries, ...run.faults];
}

function whyOf(session: Session): string | undefined {
  if (!isTerminal(session) || session.status === "completed") return undefined;
  return whyEnded(session) || undefined;
}
