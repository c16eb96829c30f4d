/**
 * The session that the tools act for, and its children. An agent sees and steers what it has
 * spawned itself: neither its siblings nor what its children spawn.
 */
import type { Greeting, Client } from "../client/coreClient.ts";
import { usageFailure } from "../client/failures.ts";
import { listSessions } from "../client/sessionIds.ts";
import { shortId } from "../client/values.ts";
import type { Session } from "../../protocol/session.ts";

export interface OwnSession {
  /** The run's session; by hand the root of the folder, undefined while there is none. */
  find(client: Client): Promise<string | undefined>;
  /** The same; by hand the root is made where there is none. */
  findOrMake(client: Client): Promise<string>;
  /** Newest first, at most `most` of them. */
  children(client: Client, most: number): Promise<Session[]>;
  /** The ids of children that were named by an id or by its end. Fails with those there are. */
  resolve(client: Client, named: readonly string[]): Promise<string[]>;
}

export function createOwnSession(place: { run: Greeting["run"]; cwd: string }): OwnSession {
  const { run, cwd } = place;

  /** Where a folder has several roots, the oldest is the one that the core takes as well. */
  async function find(client: Client): Promise<string | undefined> {
    if (run !== undefined) return run.sessionId;
    let root: string | undefined;
    for await (const session of listSessions(client, { cwd, status: ["created"] })) {
      if (session.kind === "root") root = session.id;
    }
    return root;
  }

  async function* childrenOf(client: Client): AsyncGenerator<Session, void> {
    const parentId = await find(client);
    if (parentId !== undefined) yield* listSessions(client, { parentId });
  }

  return {
    find,
    async findOrMake(client) {
      const found = await find(client);
      if (found !== undefined) return found;
      return (await client.call("session/create", { cwd })).session.id;
    },
    async children(client, most) {
      const children: Session[] = [];
      for await (const child of childrenOf(client)) {
        if (children.length === most) break;
        children.push(child);
      }
      return children;
    },
    async resolve(client, named) {
      const found = new Map(named.map((text) => [text, [] as Session[]]));
      const others: Session[] = [];
      const unseen = new Set(named);
      for await (const child of childrenOf(client)) {
        if (others.length < candidatesShown) others.push(child);
        for (const [text, matches] of found) if (child.id.endsWith(text)) matches.push(child);
        // Whole ids are unique: a folder by hand may have very many children.
        if (unseen.delete(child.id) && unseen.size === 0) break;
      }
      return [...new Set(named.map((text) => theOne(text, found.get(text) ?? [], others)))];
    },
  };
}

const candidatesShown = 10;

function theOne(named: string, matches: readonly Session[], others: readonly Session[]): string {
  const [first, second] = matches;
  if (first === undefined) {
    const there =
      others.length === 0
        ? "there are none; spawn_agent makes one"
        : `there are: ${others.map(nameOf).join(", ")}`;
    throw usageFailure(`no sub-agent of this session has the id "${named}"; ${there}`);
  }
  if (second === undefined) return first.id;
  const ids = matches.slice(0, candidatesShown).map(({ id }) => id);
  throw usageFailure(`several sub-agents' ids end in "${named}"; give one of: ${ids.join(", ")}`);
}

function nameOf({ id, title }: Session): string {
  return `${shortId(id)} "${title}"`;
}
