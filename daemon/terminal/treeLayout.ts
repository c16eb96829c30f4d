/** Decides which sessions get a row, in which order and under which branch. Pure. */
import { isTerminal, type Session } from "../../protocol/session.ts";

/** A session, or the number of sessions that have no row of their own. */
export type TreeRow =
  | { readonly kind: "session"; readonly session: Session; readonly branch: string }
  | { readonly kind: "folded"; readonly text: string; readonly branch: string };

interface Node {
  readonly session: Session;
  readonly children: readonly Node[];
  /** The whole subtree has ended. */
  readonly finished: boolean;
}

/** The depths from which finished subtrees, and sessions that have not begun, become a count. */
interface Folding {
  readonly finishedFrom: number;
  readonly waitingFrom: number;
}

/**
 * The rows of these sessions in tree order, oldest first, at most `height` of them. If there are
 * more, finished subtrees are folded into a count, the deepest first, then sessions that have not
 * begun, and then the last rows are cut off. A root without a sibling has no row.
 */
export function layOut(sessions: readonly Session[], height: number): TreeRow[] {
  const forest = nodesOf(sessions);
  const [only] = forest;
  const tops = forest.length === 1 && only?.session.kind === "root" ? only.children : forest;
  const bare = tops !== forest;
  let rows: TreeRow[] = [];
  for (const folding of foldings(deepest(tops))) {
    rows = rowsOf(tops, 0, bare ? "" : undefined, folding);
    if (rows.length <= height) return rows;
  }
  const shown = Math.max(0, height - 1);
  const rest = rows.length - shown;
  return [...rows.slice(0, shown), { kind: "folded", branch: "", text: `${rest} more rows` }];
}

/** The session and everything below it. */
export function subtreeOf(sessions: readonly Session[], topId: string): Session[] {
  const byId = new Map(sessions.map((session) => [session.id, session]));
  const isBelow = (session: Session | undefined): boolean =>
    session !== undefined &&
    (session.id === topId || (session.parentId !== null && isBelow(byId.get(session.parentId))));
  return sessions.filter(isBelow);
}

function* foldings(depth: number): Generator<Folding> {
  yield { finishedFrom: Infinity, waitingFrom: Infinity };
  for (let from = depth; from >= 0; from -= 1) {
    yield { finishedFrom: from, waitingFrom: Infinity };
  }
  for (let from = depth; from >= 0; from -= 1) yield { finishedFrom: 0, waitingFrom: from };
}

function nodesOf(sessions: readonly Session[]): Node[] {
  const known = new Set(sessions.map((session) => session.id));
  // A session whose parent is not among these is at the top.
  const childrenOf = Map.groupBy(sessions, ({ parentId }) =>
    known.has(parentId ?? "") ? parentId : null,
  );
  const build = (parentId: string | null): Node[] =>
    (childrenOf.get(parentId) ?? [])
      .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
      .map((session) => {
        const children = build(session.id);
        const ended = session.kind === "root" ? children.length > 0 : isTerminal(session);
        return { session, children, finished: ended && children.every((child) => child.finished) };
      });
  return build(null);
}

function deepest(nodes: readonly Node[]): number {
  return nodes.reduce((most, node) => Math.max(most, 1 + deepest(node.children)), -1);
}

/** `indent` is the text before the branch of these nodes; undefined at the top of a forest. */
function rowsOf(
  nodes: readonly Node[],
  depth: number,
  indent: string | undefined,
  folding: Folding,
): TreeRow[] {
  const finished = nodes.filter((node) => node.finished && depth >= folding.finishedFrom);
  const waiting = nodes.filter((node) => hasNotBegun(node) && depth >= folding.waitingFrom);
  const hidden = new Set([finished, waiting].filter((group) => group.length > 1).flat());
  const shown = nodes.filter((node) => !hidden.has(node));
  const counts = [finished, waiting].filter((group) => group.length > 1).map(countText);
  const rows: TreeRow[] = [];
  shown.forEach((node, index) => {
    const last = index === shown.length - 1 && counts.length === 0;
    rows.push({ kind: "session", session: node.session, branch: branchOf(indent, last) });
    const below = indent === undefined ? "" : indent + (last ? "   " : "│  ");
    rows.push(...rowsOf(node.children, depth + 1, below, folding));
  });
  counts.forEach((text, index) => {
    rows.push({ kind: "folded", text, branch: branchOf(indent, index === counts.length - 1) });
  });
  return rows;
}

function branchOf(indent: string | undefined, last: boolean): string {
  if (indent === undefined) return "";
  return indent + (last ? "└─ " : "├─ ");
}

function hasNotBegun(node: Node): boolean {
  return (
    (node.session.status === "queued" || node.session.status === "created") &&
    node.session.kind === "child" &&
    node.children.length === 0
  );
}

/** "12 completed, 1 error": every session of the folded subtrees counts. */
function countText(nodes: readonly Node[]): string {
  const counts = new Map<string, number>();
  const count = (node: Node) => {
    if (node.session.kind === "child") {
      counts.set(node.session.status, (counts.get(node.session.status) ?? 0) + 1);
    }
    node.children.forEach(count);
  };
  nodes.forEach(count);
  return [...counts].map(([status, number]) => `${number} ${status}`).join(", ");
}
