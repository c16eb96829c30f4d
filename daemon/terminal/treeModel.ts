/**
 * What a client knows of the trees that it watches: the sessions, and newer facts about live runs.
 * A session replaces only one of a lower version, so that the order of arrival does not matter.
 */
import type { AgentEvent } from "../../protocol/events.ts";
import type { ParamsOf } from "../../protocol/messages.ts";
import type { Activity, Session, Usage } from "../../protocol/session.ts";
import type { Client } from "../client/coreClient.ts";
import { eventText } from "./eventText.ts";

/** Facts of one live run that are newer than its session. */
export interface RunFacts {
  readonly runId: string;
  readonly activity?: Activity;
  readonly stalled?: boolean;
  readonly lastProgressAt?: number;
  readonly usage?: Usage;
  /** The last text or action of the agent. */
  readonly lastText?: string;
  /** Place in the queue of its root; 1 is next. */
  readonly position?: number;
}

export interface TreeModel {
  readonly sessions: ReadonlyMap<string, Session>;
  readonly facts: ReadonlyMap<string, RunFacts>;
  /**
   * Requests the places in the queue, which change without a change of the sessions. Does nothing
   * if nothing is queued, or if the last request has no answer yet.
   */
  refreshPositions(): void;
  /** Removes the handlers from the client. */
  stop(): void;
}

/** Notified of changes of the tree. */
export interface TreeListener {
  changed?(session: Session, before: Session | undefined): void;
  removed?(sessionIds: readonly string[]): void;
  /** Called after every notification that makes a drawn picture outdated. */
  outdated?(): void;
}

/** Subscribes the client to trees and keeps a model of them, which begins with the snapshot. */
export async function watchTrees(
  client: Client,
  subscription: ParamsOf<"tree/subscribe">,
  listener: TreeListener,
): Promise<TreeModel> {
  const sessions = new Map<string, Session>();
  const facts = new Map<string, RunFacts>();
  const addFacts = (sessionId: string, runId: string, newer: Partial<RunFacts>) => {
    const known = facts.get(sessionId);
    facts.set(sessionId, { ...(known?.runId === runId ? known : {}), ...newer, runId });
    listener.outdated?.();
  };
  const upsert = (session: Session) => {
    const before = sessions.get(session.id);
    if (before !== undefined && before.version >= session.version) return;
    sessions.set(session.id, session);
    listener.changed?.(session, before);
    listener.outdated?.();
  };
  const off = [
    client.on("session/changed", ({ session }) => upsert(session)),
    client.on("subAgent/started", ({ session }) => upsert(session)),
    client.on("session/removed", ({ sessionIds }) => {
      for (const id of sessionIds) {
        sessions.delete(id);
        facts.delete(id);
      }
      listener.removed?.(sessionIds);
      listener.outdated?.();
    }),
    client.on("subAgent/heartbeat", ({ childSessionId, runId, timestamp: _at, ...heartbeat }) =>
      addFacts(childSessionId, runId, {
        stalled: heartbeat.stalled,
        lastProgressAt: heartbeat.lastProgressAt,
        usage: heartbeat.usage,
        ...(heartbeat.activity && { activity: heartbeat.activity }),
      }),
    ),
    client.on("subAgent/event", ({ childSessionId, runId, event }) => {
      const said = lastLineOf(event);
      if (said !== undefined) addFacts(childSessionId, runId, { lastText: said });
    }),
  ];
  const snapshot = await client.call("tree/subscribe", subscription);
  for (const session of snapshot.sessions) upsert(session);
  let asking = false;
  return {
    sessions,
    facts,
    refreshPositions() {
      const queued = [...sessions.values()].filter((session) => session.status === "queued");
      if (asking || queued.length === 0) return;
      asking = true;
      const roots = new Set(queued.map((session) => session.rootId));
      const [rootId] = roots.size === 1 ? roots : [];
      client
        .call("session/list", { status: ["queued"], limit: 1000, ...(rootId && { rootId }) })
        .then((answer) => {
          for (const session of answer.sessions) {
            if (session.status !== "queued" || session.position === undefined) continue;
            addFacts(session.id, session.runId, { position: session.position });
          }
        })
        // The request fails when the connection has ended, which the client's owner notices itself.
        .catch(() => {})
        .finally(() => (asking = false));
    },
    stop: () => off.forEach((takeOff) => takeOff()),
  };
}

/** The last line with text of an event; undefined for an event that says nothing to people. */
function lastLineOf(event: AgentEvent): string | undefined {
  if (event.type === "usage" || event.type === "status" || event.type === "child") return undefined;
  const lines = eventText(event).split(/[\r\n]+/);
  return lines.findLast((line) => line.trim() !== "");
}
