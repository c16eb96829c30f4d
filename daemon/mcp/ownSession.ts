/**
 * The session that the tools act for, and its children. An agent sees and controls only the
 * sub-agents that it spawned itself, neither its siblings nor the sub-agents of its children.
 */
import type { Greeting, Client } from "../client/coreClient.ts";
import { usageFailure } from "../client/failures.ts";
import { listSessions } from "../client/sessionIds.ts";
import { shortId } from "../client/values.ts";
import type { Session } from "../../protocol/session.ts";

export class OwnSession {
  readonly #run: Greeting["run"];
  readonly #cwd: string;

  constructor({ run, cwd }: { run: Greeting["run"]; cwd: string }) {
    this.#run = run;
    this.#cwd = cwd;
  }

  /** The session of the run; outside of a run the root of the folder, undefined if there is none. */
  async find(client: Client): Promise<string | undefined> {
    if (this.#run !== undefined) return this.#run.sessionId;
    let root: string | undefined;
    // Of several roots of a folder, the core uses the oldest too.
    for await (const session of listSessions(client, { cwd: this.#cwd, status: ["created"] })) {
      if (session.kind === "root") root = session.id;
    }
    return root;
  }

  /** The same, but outside of a run the root is made if there is none. */
  async findOrMake(client: Client): Promise<string> {
    const found = await this.find(client);
    if (found !== undefined) return found;
    return (await client.call("session/create", { cwd: this.#cwd })).session.id;
  }

  /** Newest first, at most `most` of them. */
  async children(client: Client, most: number): Promise<Session[]> {
    const children: Session[] = [];
    for await (const child of this.#children(client)) {
      if (children.length === most) break;
      children.push(child);
    }
    return children;
  }

  /** The ids of children that are named by an id or by its end. Fails with those that exist. */
  async resolve(client: Client, named: readonly string[]): Promise<string[]> {
    const found = new Map(named.map((text) => [text, [] as Session[]]));
    const others: Session[] = [];
    const unseen = new Set(named);
    for await (const child of this.#children(client)) {
      if (others.length < candidatesShown) others.push(child);
      for (const [text, matches] of found) if (child.id.endsWith(text)) matches.push(child);
      // Whole ids are unique, and a folder may have very many children: stop when all are found.
      if (unseen.delete(child.id) && unseen.size === 0) break;
    }
    return [...new Set(named.map((text) => theOne(text, found.get(text) ?? [], others)))];
  }

  async *#children(client: Client): AsyncGenerator<Session, void> {
    const parentId = await this.find(client);
    if (parentId !== undefined) yield* listSessions(client, { parentId });
  }
}

const candidatesShown = 10;

function theOne(named: string, matches: readonly Session[], others: readonly Session[]): string {
  const [first, second] = matches;
  if (first === undefined) {
    const there =
      others.length === 0
        ? "there are none; spawn_agent makes one"
        : `there are: ${others.map(({ id, title }) => `${shortId(id)} "${title}"`).join(", ")}`;
    throw usageFailure(`no sub-agent of this session has the id "${named}"; ${there}`);
  }
  if (second === undefined) return first.id;
  const ids = matches.slice(0, candidatesShown).map(({ id }) => id);
  throw usageFailure(`several sub-agents' ids end in "${named}"; give one of: ${ids.join(", ")}`);
}
