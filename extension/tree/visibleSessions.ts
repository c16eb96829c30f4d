/**
 * Which sessions are rows, and below what: the scope, the filter and the order applied to the model.
 * Pure. What it has found out it keeps until `changed` is called.
 */
import { nothingBelow, addBelow, type Below } from "../sessions/abilities.ts";
import type { SessionModel } from "../sessions/sessionModel.ts";
import type { RealPaths } from "../base/paths.ts";
import type { Session } from "../../protocol/session.ts";
import { isFiltered, isWithin, matches, sorted, type TreeOptions } from "./treeOptions.ts";

export interface VisibleSessions {
  /** The rows at the top, or right below a session; the newest ones when there are too many. */
  children(parentId: string | undefined): readonly string[];
  /** How many rows at the top, or below a session, are left out because there are too many. */
  leftOut(parentId: string | undefined): number;
  /** The row above; undefined at the top. */
  parent(sessionId: string): string | undefined;
  /** What there is below a session, filtered or not. */
  below(sessionId: string): Below;
  /** Sessions that are found by the filter itself, and not only because of what is below them. */
  found(): readonly Session[];
  /** All sub-agents in the scope, filtered or not. */
  inScope(): readonly Session[];
  /** How many sub-agents there are in the scope, filtered or not, and how many outside of it. */
  counts(): { inScope: number; outside: number };
  /** Shows more of what was left out at the top or below a session. */
  showMore(parentId: string | undefined): void;
  /** Forgets what it has found out. */
  changed(): void;
}

interface Parts {
  model: SessionModel;
  options: () => TreeOptions;
  /** Paths of the workspace's folders. */
  folders: () => readonly string[];
  realPaths: RealPaths;
  /** Whether this window has spawned the session. */
  isMine: (sessionId: string) => boolean;
}

/** Rows with the same parent: more would make every change of one of them slow. */
const mostSiblings = 1000;

export function createVisibleSessions(parts: Parts): VisibleSessions {
  const { model, options, folders, realPaths, isMine } = parts;
  const shownMore = new Map<string | undefined, number>();
  const belows = new Map<string, Below>();
  const lists = new Map<string | undefined, readonly string[]>();
  let scopeKnown: ReadonlyMap<string, boolean> | undefined;
  let kept: ReadonlySet<string> | undefined;
  let matching: readonly Session[] = [];

  /** For every session, whether it is in the scope: by itself, or with one above it. */
  function scope(): ReadonlyMap<string, boolean> {
    if (scopeKnown !== undefined) return scopeKnown;
    const { scope: asked } = options();
    const paths = folders();
    const known = new Map<string, boolean>();
    // Many sessions, few folders.
    const within = new Map<string, boolean>();
    const isItself = ({ id, cwd }: Session): boolean => {
      if (asked === "mine") return isMine(id);
      if (asked === "all" || paths.length === 0) return true;
      const found = within.get(cwd) ?? isWithin(cwd, paths, realPaths);
      within.set(cwd, found);
      return found;
    };
    const look = (session: Session): boolean => {
      const before = known.get(session.id);
      if (before !== undefined) return before;
      const parent = session.parentId === null ? undefined : model.get(session.parentId);
      const found = (parent !== undefined && look(parent)) || isItself(session);
      known.set(session.id, found);
      return found;
    };
    for (const session of model.all()) look(session);
    return (scopeKnown = known);
  }

  /** What is in the scope and matches, and everything above it. */
  function keptIds(): ReadonlySet<string> {
    if (kept !== undefined) return kept;
    const asked = options();
    const found = new Set<string>();
    matching = inScope().filter((session) => matches(session, asked));
    for (const { id } of matching) {
      for (let above: string | null = id; above !== null && !found.has(above);) {
        found.add(above);
        above = model.get(above)?.parentId ?? null;
      }
    }
    return (kept = found);
  }

  function inScope(): Session[] {
    const known = scope();
    return [...model.all()].filter(({ id, kind }) => kind === "child" && known.get(id) === true);
  }

  /** All rows with that parent, in order. Roots are no level of their own while there is one. */
  function list(parentId: string | undefined): readonly string[] {
    const known = lists.get(parentId);
    if (known !== undefined) return known;
    const ids = keptIds();
    const of = (id: string | null) => model.children(id).filter((one) => ids.has(one.id));
    const roots = parentId === undefined ? of(null) : [];
    const [only] = roots;
    const siblings =
      parentId !== undefined ? of(parentId) : roots.length === 1 && only ? of(only.id) : roots;
    const made = sorted(siblings, options().sort).map(({ id }) => id);
    lists.set(parentId, made);
    return made;
  }

  function mostOf(parentId: string | undefined): number {
    return mostSiblings + (shownMore.get(parentId) ?? 0);
  }

  function below(sessionId: string): Below {
    const known = belows.get(sessionId);
    if (known !== undefined) return known;
    let sum = nothingBelow;
    for (const child of model.children(sessionId)) sum = addBelow(sum, child, below(child.id));
    belows.set(sessionId, sum);
    return sum;
  }

  return {
    below,
    children(parentId) {
      const all = list(parentId);
      const most = mostOf(parentId);
      if (all.length <= most) return all;
      return options().sort === "work" ? all.slice(-most) : all.slice(0, most);
    },
    leftOut: (parentId) => Math.max(0, list(parentId).length - mostOf(parentId)),
    parent(sessionId) {
      const parentId = model.get(sessionId)?.parentId ?? undefined;
      const isBelowRoot = parentId !== undefined && model.get(parentId)?.kind === "root";
      return isBelowRoot && !list(undefined).includes(parentId) ? undefined : parentId;
    },
    found() {
      keptIds();
      return isFiltered(options()) ? matching : [];
    },
    inScope,
    counts() {
      const children = [...model.all()].filter(({ kind }) => kind === "child").length;
      const inside = inScope().length;
      return { inScope: inside, outside: children - inside };
    },
    showMore(parentId) {
      shownMore.set(parentId, (shownMore.get(parentId) ?? 0) + mostSiblings);
      lists.clear();
    },
    changed() {
      belows.clear();
      lists.clear();
      scopeKnown = undefined;
      kept = undefined;
    },
  };
}
