/** Which sessions are rows, and below what: applies the scope, the filter and the order. */
import type { Session } from "../../protocol/session.ts";
import type { RealPaths } from "../base/paths.ts";
import { addBelow, nothingBelow, type Below } from "../sessions/abilities.ts";
import type { SessionModel } from "../sessions/sessionModel.ts";
import { isFiltered, matches, sorted, type TreeOptions } from "./treeOptions.ts";

interface Options {
  model: SessionModel;
  options: () => TreeOptions;
  folders: () => readonly string[];
  realPaths: RealPaths;
  /** Whether this window has spawned the session. */
  isMine: (sessionId: string) => boolean;
}

/** Rows with the same parent: with more of them every change of one would be slow. */
const mostSiblings = 1000;

/** Results are kept until `changed` is called. */
export class VisibleSessions {
  readonly #given: Options;
  readonly #shownMore = new Map<string | undefined, number>();
  readonly #belows = new Map<string, Below>();
  readonly #lists = new Map<string | undefined, readonly string[]>();
  #scope: ReadonlyMap<string, boolean> | undefined;
  #filtered: { kept: ReadonlySet<string>; matching: readonly Session[] } | undefined;

  constructor(given: Options) {
    this.#given = given;
  }

  /** The rows at the top, or right below a session; the newest ones when there are too many. */
  children(parentId: string | undefined): readonly string[] {
    const all = this.#list(parentId);
    const most = this.#mostOf(parentId);
    if (all.length <= most) return all;
    return this.#given.options().sort === "work" ? all.slice(-most) : all.slice(0, most);
  }

  /** How many rows are left out at the top, or below a session, because there are too many. */
  leftOut(parentId: string | undefined): number {
    return Math.max(0, this.#list(parentId).length - this.#mostOf(parentId));
  }

  parent(sessionId: string): string | undefined {
    const { model } = this.#given;
    const parentId = model.get(sessionId)?.parentId ?? undefined;
    const isBelowRoot = parentId !== undefined && model.get(parentId)?.kind === "root";
    return isBelowRoot && !this.#list(undefined).includes(parentId) ? undefined : parentId;
  }

  below(sessionId: string): Below {
    const known = this.#belows.get(sessionId);
    if (known !== undefined) return known;
    let sum = nothingBelow;
    for (const child of this.#given.model.children(sessionId)) {
      sum = addBelow(sum, child, this.below(child.id));
    }
    this.#belows.set(sessionId, sum);
    return sum;
  }

  /** The sessions that match the filter, without those that are shown because of what is below. */
  found(): readonly Session[] {
    return isFiltered(this.#given.options()) ? this.#filter().matching : [];
  }

  /** All sub-agents in the scope, filtered or not. */
  inScope(): readonly Session[] {
    const known = this.#inScopeById();
    return [...this.#given.model.all()].filter(
      ({ id, kind }) => kind === "child" && known.get(id) === true,
    );
  }

  /** How many sub-agents are in the scope and outside of it, filtered or not. */
  counts(): { inScope: number; outside: number } {
    const all = [...this.#given.model.all()].filter(({ kind }) => kind === "child");
    const inScope = this.inScope().length;
    return { inScope, outside: all.length - inScope };
  }

  /** Shows more of what was left out at the top or below a session. */
  showMore(parentId: string | undefined): void {
    this.#shownMore.set(parentId, (this.#shownMore.get(parentId) ?? 0) + mostSiblings);
    this.#lists.clear();
  }

  /** Forgets all results, because sessions or options have changed. */
  changed(): void {
    this.#belows.clear();
    this.#lists.clear();
    this.#scope = undefined;
    this.#filtered = undefined;
  }

  /** Whether each session is in the scope: by itself, or because one above it is. */
  #inScopeById(): ReadonlyMap<string, boolean> {
    if (this.#scope !== undefined) return this.#scope;
    const { model, options, folders, realPaths, isMine } = this.#given;
    const { scope } = options();
    const paths = folders();
    const known = new Map<string, boolean>();
    // There are many sessions in few folders.
    const within = new Map<string, boolean>();
    const isInScope = ({ id, cwd }: Session): boolean => {
      if (scope === "mine") return isMine(id);
      if (scope === "all" || paths.length === 0) return true;
      const found = within.get(cwd) ?? realPaths.isWithin(cwd, paths);
      within.set(cwd, found);
      return found;
    };
    const find = (session: Session): boolean => {
      const before = known.get(session.id);
      if (before !== undefined) return before;
      const parent = session.parentId === null ? undefined : model.get(session.parentId);
      const found = (parent !== undefined && find(parent)) || isInScope(session);
      known.set(session.id, found);
      return found;
    };
    for (const session of model.all()) find(session);
    return (this.#scope = known);
  }

  /** The sessions in the scope that match, and the ids of those and of everything above them. */
  #filter() {
    if (this.#filtered !== undefined) return this.#filtered;
    const { model, options } = this.#given;
    const asked = options();
    const kept = new Set<string>();
    const matching = this.inScope().filter((session) => matches(session, asked));
    for (const { id } of matching) {
      for (let above: string | null = id; above !== null && !kept.has(above);) {
        kept.add(above);
        above = model.get(above)?.parentId ?? null;
      }
    }
    return (this.#filtered = { kept, matching });
  }

  /** All rows with that parent, in order. A single root is no row: its children stand at the top. */
  #list(parentId: string | undefined): readonly string[] {
    const known = this.#lists.get(parentId);
    if (known !== undefined) return known;
    const { model, options } = this.#given;
    const { kept } = this.#filter();
    const of = (id: string | null) => model.children(id).filter((one) => kept.has(one.id));
    const roots = parentId === undefined ? of(null) : [];
    const [only] = roots;
    const siblings =
      parentId !== undefined ? of(parentId) : roots.length === 1 && only ? of(only.id) : roots;
    const made = sorted(siblings, options().sort).map(({ id }) => id);
    this.#lists.set(parentId, made);
    return made;
  }

  #mostOf(parentId: string | undefined): number {
    return mostSiblings + (this.#shownMore.get(parentId) ?? 0);
  }
}
