/**
 * Which stored sessions a core can use: those whose records have a known form and that lead up to a
 * root without contradiction. The others stay in the store as they are, and affect nothing else.
 */
import * as z from "zod";
import { RunError, RunnerKind, Session } from "../../protocol/session.ts";
import * as keys from "./keys.ts";
import type { StoredSession, UnreadableRow } from "../sessions/records.ts";

/** The part of a record that a core relies on before a run of the session begins. */
const Sound = z.object({
  session: Session,
  priority: z.number(),
  unreadFrom: z.number(),
  childCount: z.number(),
  completionSeq: z.number().optional(),
  profile: z.object({ runner: z.object({ kind: RunnerKind }) }).optional(),
  ending: z
    .discriminatedUnion("status", [
      z.object({ status: z.enum(["completed", "aborted"]) }),
      z.object({ status: z.literal("error"), error: RunError }),
    ])
    .optional(),
  cancelWish: z.object({ by: z.enum(["parent", "user"]) }).optional(),
  held: z.object({ upTo: z.number(), ranMs: z.number(), turns: z.number() }).optional(),
});

export function soundSessions(loaded: readonly StoredSession[]): {
  sound: StoredSession[];
  setAside: UnreadableRow[];
} {
  const faults = new Map(loaded.map((record) => [record, faultOf(record)]));
  const below = Map.groupBy(loaded, ({ session }) => session.parentId);
  const reached = (below.get(null) ?? []).filter((record) => faults.get(record) === undefined);
  // The list grows while the loop walks it.
  for (const { session } of reached) {
    for (const child of below.get(session.id) ?? []) {
      const fault = faults.get(child) ?? contradiction(child.session, session);
      if (fault === undefined) reached.push(child);
      else faults.set(child, fault);
    }
  }
  const sound = new Set(reached);
  return {
    // In the order of the store.
    sound: loaded.filter((record) => sound.has(record)),
    setAside: loaded
      .filter((record) => !sound.has(record))
      .map((record) => ({
        key: keys.headerKey(record.session.id),
        cause: faults.get(record) ?? "no root that can be used is above it",
      })),
  };
}

/** What is wrong with a record by itself. */
function faultOf(record: StoredSession): string | undefined {
  const { error } = Sound.safeParse(record);
  if (error !== undefined) return z.prettifyError(error);
  const { kind, id, parentId, rootId, depth } = record.session;
  if (kind === "child") return parentId === null ? "it is a child without a parent" : undefined;
  const isRoot = parentId === null && rootId === id && depth === 0;
  return isRoot ? undefined : "it is a root and has a parent, another root or a depth";
}

function contradiction(child: Session, parent: Session): string | undefined {
  if (child.rootId !== parent.rootId) return "its parent belongs to another root";
  return child.depth === parent.depth + 1 ? undefined : "its depth is not that below its parent";
}
