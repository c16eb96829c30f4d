/**
 * The picture of a tree's run as data: a lane for each session, with what it did as spans of time.
 * Pure. Pages import the types only, because the rest knows the protocol.
 */
import type { Session, TerminalStatus } from "../../protocol/session.ts";
import { isLive, isTerminal } from "../../protocol/states.ts";
import { whyEnded } from "../sessions/outcomeWords.ts";
import { oneLine, stateWord } from "../sessions/sessionWords.ts";
import { stateLook, type StateLook } from "../sessions/stateSigns.ts";
import {
  noHistory,
  spentOf,
  withSession,
  type Period,
  type RunHistory,
  type SessionHistory,
  type Spent,
  type ToolCall,
} from "./history.ts";
import { lifeOf, to } from "./runLife.ts";

export interface Timeline {
  title: string;
  /** In the order of the tree: each session before its children, siblings in the order of work. */
  lanes: Lane[];
  total: Spent;
}

export interface Lane {
  sessionId: string;
  title: string;
  agent: string;
  /** 0 for the children of the root. */
  depth: number;
  look: StateLook;
  /** The state for people: "needs approval", "queued, place 3". */
  word: string;
  /** Why it is so, where that is known. */
  why?: string;
  own: Spent;
  /** Its own and that of all its descendants. */
  tree: Spent;
  hasChildren: boolean;
  createdAt: number;
  spans: Span[];
  ends: End[];
  tools: ToolBar[];
  marks: Mark[];
  /** How much of its history is in the picture. */
  read: "nothing" | "part" | "all";
  omittedTools: number;
}

export type SpanKind =
  | "queued"
  | "paused"
  | "running"
  | "stalled"
  | "approval"
  | "input"
  | "children"
  | "background"
  | "retry"
  | "unknown";

/** Times in epoch milliseconds. */
export interface Span extends Period {
  kind: SpanKind;
  /** The sides that are not known exactly: there was more of it than is shown. */
  torn?: "start" | "end" | "both";
  /** 1 for the first run of the session. */
  run: number;
}

/** Where a run ended; without a status it is not known how. */
export interface End {
  at: number;
  status?: TerminalStatus;
  why?: string;
  run: number;
  spent: Spent;
}

export type ToolBar = Omit<ToolCall, "id">;

export interface Mark {
  kind: "retry" | "error" | "budget";
  at: number;
  text: string;
}

const longestTitle = 120;

/** `sessions` are those of one tree, its root among them. */
export function timelineOf(
  sessions: Iterable<Session>,
  histories: ReadonlyMap<string, SessionHistory>,
): Timeline {
  const all = [...sessions];
  const root = all.find(({ kind }) => kind === "root");
  const ordered = inTreeOrder(all);
  const parents = new Set(ordered.map(({ parentId }) => parentId));
  return {
    title: oneLine(root?.title ?? "", longestTitle),
    lanes: ordered.map((session) => ({
      ...laneOf(session, histories.get(session.id)),
      hasChildren: parents.has(session.id),
    })),
    total: root === undefined ? { tokens: 0, costUsd: 0 } : spentOf(root.treeUsage),
  };
}

/** The children of the tree, each before its own. One whose parent is missing stands at the top. */
export function inTreeOrder(sessions: readonly Session[]): Session[] {
  const known = new Set(sessions.map(({ id }) => id));
  const children = new Map<string, Session[]>();
  // Ids are time-ordered.
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

/** Without a history, the lane is drawn from the header alone. `hasChildren` is for the tree to say. */
export function laneOf(session: Session, history: SessionHistory = noHistory): Lane {
  const known = withSession(history, session);
  const currentId = "runId" in session ? session.runId : undefined;
  const lives = known.runs.map((run, place) =>
    lifeOf(run, place + 1, run.runId === currentId ? session : undefined),
  );
  const why = whyOf(session);
  return {
    sessionId: session.id,
    title: oneLine(session.title, longestTitle),
    agent: oneLine(session.agent, longestTitle),
    depth: Math.max(0, session.depth - 1),
    look: stateLook(session),
    word: stateWord(session),
    ...(why !== undefined && { why }),
    own: spentOf(session.usage),
    tree: spentOf(session.treeUsage),
    hasChildren: false,
    createdAt: session.createdAt,
    spans: lives.flatMap(({ spans }) => spans),
    ends: lives.flatMap(({ ends }) => ends),
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

/** A call that never ended went on until its run did. */
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
