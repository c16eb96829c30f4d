/**
 * Who hears what. A piece of news is serialised once and goes to every client that asked for it;
 * how fast that client reads is the business of its Outbound.
 */
import type { Config } from "../protocol/config.ts";
import type {
  ClientOptions,
  NotificationMethod,
  NotificationParams,
} from "../protocol/messages.ts";
import { frame } from "./framing.ts";
import type { Outbound } from "./outbound.ts";

/** A notification, with what the hub needs to know to whom it matters. */
export type News = {
  [M in NotificationMethod]: {
    method: M;
    params: NotificationParams<M>;
    /** The tree that it is about; absent: everybody who subscribed to a tree hears it. */
    rootId?: string;
  };
}[NotificationMethod];

/** A connected client, from `initialize` to the end of its connection. */
export interface Client {
  readonly id: number;
  readonly name: string;
  readonly options: ClientOptions;
  /** The client's settings as far as they are valid. */
  settings: Config;
  /** Absolute paths of its workspace folders. */
  readonly folders: readonly string[];
  readonly outbound: Outbound;
  tree: { rootIds: ReadonlySet<string> | undefined; events: "lifecycle" | "all" } | undefined;
  /** Sessions that it subscribed to one by one. */
  readonly sessions: Set<string>;
}

export interface Hub {
  readonly clients: ReadonlySet<Client>;
  add(client: Client): void;
  remove(client: Client): void;
  tell(news: News): void;
}

export function createHub(): Hub {
  const clients = new Set<Client>();
  return {
    clients,
    add: (client) => void clients.add(client),
    remove: (client) => void clients.delete(client),
    tell(news) {
      let bytes: Buffer | undefined;
      for (const client of clients) {
        if (!wants(client, news)) continue;
        bytes ??= notificationFrame(news.method, news.params);
        deliver(client, news, bytes);
      }
    },
  };
}

/** The order of the fields is relied on: fronts look at the first bytes only. */
export function notificationFrame<M extends NotificationMethod>(
  method: M,
  params: NotificationParams<M>,
): Buffer {
  return frame(`{"jsonrpc":"2.0","method":"${method}","params":${JSON.stringify(params)}}`);
}

function wants(client: Client, news: News): boolean {
  if (news.method === "subAgent/event" && client.sessions.has(news.params.childSessionId)) {
    return true;
  }
  if (client.tree === undefined) {
    return news.method === "daemon/statusChanged" && client.sessions.size > 0;
  }
  if (news.method === "subAgent/event" && client.tree.events === "lifecycle") return false;
  const { rootIds } = client.tree;
  return rootIds === undefined || news.rootId === undefined || rootIds.has(news.rootId);
}

function deliver(client: Client, news: News, bytes: Buffer): void {
  switch (news.method) {
    case "subAgent/event": {
      const { childSessionId, seq } = news.params;
      const late = client.sessions.has(childSessionId) ? "replay" : "gap";
      return client.outbound.event(childSessionId, seq, bytes, late);
    }
    case "session/changed":
      return client.outbound.newest(`changed ${news.params.session.id}`, bytes);
    case "subAgent/heartbeat":
      return client.outbound.newest(`heartbeat ${news.params.childSessionId}`, bytes);
    case "subAgent/started":
    case "subAgent/completed":
      return client.outbound.keep(bytes, news.params.childSessionId);
    case "session/removed":
    case "approval/requested":
    case "approval/resolved":
    case "subAgent/gap":
    case "daemon/statusChanged":
      return client.outbound.keep(bytes);
  }
}
