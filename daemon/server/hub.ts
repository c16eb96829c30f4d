/**
 * Which client is notified of what. A notification is serialised once and goes to every client that
 * subscribed to it; each client's Outbound deals with how fast that client reads.
 */
import type { NotificationMethod, NotificationParams } from "../../protocol/messages.ts";
import type { Session } from "../../protocol/session.ts";
import type { ClientRequests } from "./clientRequests.ts";
import { frame } from "../wire/framing.ts";
import type { Caller } from "../sessions/caller.ts";
import type { News } from "../sessions/news.ts";
import type { Outbound, Subscription, TreeSubscription } from "./outbound.ts";

/** A connected client, from `initialize` to the end of its connection. */
export interface Client extends Caller {
  readonly id: number;
  readonly outbound: Outbound;
  readonly requests: ClientRequests;
  tree: TreeSubscription | undefined;
  /** Sessions that it subscribed to one by one. */
  readonly sessions: Map<string, SessionSubscription>;
}

export interface SessionSubscription extends Subscription {
  /** The client wants the events above this number. */
  readonly after: number;
}

export interface Hub {
  readonly clients: ReadonlySet<Client>;
  add(client: Client): void;
  remove(client: Client): void;
  /** Sends a notification to every client that asked for it. */
  notify(news: News): void;
}

export function createHub(): Hub {
  const clients = new Set<Client>();
  return {
    clients,
    add: (client) => void clients.add(client),
    remove: (client) => void clients.delete(client),
    notify(news) {
      let bytes: Buffer | undefined;
      for (const client of clients) {
        const of = subscriptionFor(client, news);
        if (of === undefined) continue;
        bytes ??= notificationFrame(news.method, news.params);
        deliver(client, of, news, bytes);
      }
      if (news.method === "session/removed") forget(clients, news.params.sessionIds);
    },
  };
}

/** Removed sessions have no events any more. */
function forget(clients: ReadonlySet<Client>, sessionIds: readonly string[]): void {
  for (const { sessions } of clients) for (const id of sessionIds) sessions.delete(id);
}

/** Fronts read only the first bytes, so the order of the fields must not change. */
export function notificationFrame<M extends NotificationMethod>(
  method: M,
  params: NotificationParams<M>,
): Buffer {
  return frame(`{"jsonrpc":"2.0","method":"${method}","params":${JSON.stringify(params)}}`);
}

/** Takes the place of an earlier subscription of the tree. Without `rootIds`: every tree. */
export function subscribeTree(
  client: Client,
  wanted: Pick<TreeSubscription, "rootIds" | "events">,
): TreeSubscription {
  const own: TreeSubscription = {
    ...wanted,
    late: "gap",
    isWanted: () => client.tree === own,
  };
  client.tree = own;
  return own;
}

/** Takes the place of an earlier subscription of the session. */
export function subscribeSession(
  client: Client,
  { id, rootId }: Pick<Session, "id" | "rootId">,
  after: number,
): SessionSubscription {
  const own: SessionSubscription = {
    after,
    late: "replay",
    isWanted() {
      const current = client.sessions.get(id);
      if (current !== undefined) return current === own;
      // Frames that wait for this subscription are still wanted by a subscription of the tree.
      return client.tree?.events === "all" && isOf(client.tree, rootId);
    },
  };
  client.sessions.set(id, own);
  return own;
}

export function unsubscribeAll(client: Client): void {
  client.tree = undefined;
  client.sessions.clear();
}

/** The subscription for which the client gets this notification; undefined where it has none. */
function subscriptionFor(client: Client, news: News): Subscription | undefined {
  const { tree, sessions } = client;
  if (news.method === "subAgent/event") {
    const own = sessions.get(news.params.childSessionId);
    if (own !== undefined && news.params.seq > own.after) return own;
    if (tree?.events === "lifecycle") return undefined;
  }
  if (tree === undefined) {
    if (news.method !== "daemon/statusChanged") return undefined;
    const [any] = sessions.values();
    return any;
  }
  const isWanted = news.rootId === undefined || isOf(tree, news.rootId);
  return isWanted ? tree : undefined;
}

function isOf({ rootIds }: TreeSubscription, rootId: string): boolean {
  return rootIds === undefined || rootIds.has(rootId);
}

function deliver({ outbound }: Client, of: Subscription, news: News, bytes: Buffer): void {
  switch (news.method) {
    case "subAgent/event":
      return outbound.event(news.params.childSessionId, news.params.seq, bytes, of);
    case "subAgent/heartbeat":
      return outbound.offer(bytes, of);
    case "subAgent/started":
    case "subAgent/completed":
      return outbound.keep(bytes, of, news.params.childSessionId);
    case "session/changed":
    case "session/removed":
    case "approval/requested":
    case "approval/resolved":
    case "approval/rulesChanged":
    case "subAgent/gap":
    case "daemon/restarted":
    case "daemon/statusChanged":
      return outbound.keep(bytes, of);
  }
}
