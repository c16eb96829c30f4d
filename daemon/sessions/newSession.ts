/** Sessions as they begin. */
import { v7 as newId } from "uuid";
import { noUsage, type Session } from "../../protocol/session.ts";
import type { StoredSession } from "./records.ts";

/** The top of a tree, for a folder; named after the folder where no title is given. */
export function rootRecord(cwd: string, title: string | undefined, at: number): StoredSession {
  const id = newId();
  const name = title ?? cwd.split(/[/\\]/).at(-1) ?? cwd;
  const place = { kind: "root", parentId: null, rootId: id, depth: 0 } as const;
  const session = newSession({ id, ...place, title: name === "" ? cwd : name, cwd }, at);
  return { session, priority: 0, unreadFrom: 1, childCount: 0 };
}

/** A session below another one, with an id of its own and without an agent. */
export function newChild(place: {
  parent: Session;
  title: string;
  cwd: string;
  at: number;
}): Session {
  const { parent, title, cwd, at } = place;
  const { id: parentId, rootId, depth } = parent;
  return newSession(
    { id: newId(), kind: "child", parentId, rootId, depth: depth + 1, title, cwd },
    at,
  );
}

function newSession(
  fields: Pick<Session, "id" | "kind" | "parentId" | "rootId" | "depth" | "title" | "cwd">,
  at: number,
): Session {
  return {
    ...fields,
    status: "created",
    agent: "",
    version: 1,
    createdAt: at,
    updatedAt: at,
    lastSeq: 0,
    messageCount: 0,
    usage: noUsage,
    treeUsage: noUsage,
    limits: {},
  };
}

/** The first line that is not empty, in at most 60 characters; one that was cut ends in `…`. */
export function titleOf(prompt: string): string {
  const line = prompt.split("\n").find((text) => text.trim() !== "") ?? "";
  const characters = [...line.trim()];
  return characters.length <= 60
    ? characters.join("")
    : `${characters.slice(0, 59).join("").trimEnd()}…`;
}
