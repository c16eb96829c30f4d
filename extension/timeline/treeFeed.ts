/**
 * The lanes of one tree, kept true, for whoever draws them: takes the sessions from the model, the
 * histories from the store, and tells what has changed at most ten times a second.
 */
import type { Session } from "../../protocol/session.ts";
import type { ExtensionParts } from "../editor/services.ts";
import { oneLine } from "../sessions/sessionWords.ts";
import { inTreeOrder, laneOf, timelineOf, type Lane, type Timeline } from "./lanes.ts";
import { spentOf } from "./history.ts";
import { changeOf, type LanesMessage } from "./messages.ts";
import { createHistoryReader } from "./reader.ts";

export interface TreeFeed {
  /** Tells everything anew: a page that was reloaded knows nothing. */
  tellAll(): void;
  /** Nobody looks: nothing is read or told until `tellAll`. */
  pause(): void;
  want(sessionIds: readonly string[]): void;
  /** The whole tree with all that is stored of it; `read` is told how many lanes are complete. */
  whole(read: (done: number, of: number) => void): Promise<Timeline>;
  dispose(): void;
}

type Parts = Pick<ExtensionParts, "client" | "model" | "start"> & {
  log: Pick<ExtensionParts["log"], "error" | "warn">;
};

const tellEveryMs = 100;
const pageSize = 1_000;

export function createTreeFeed(
  { client, model, log, start }: Parts,
  rootId: string,
  tell: (message: LanesMessage) => void,
): TreeFeed {
  const sessions = new Map<string, Session>();
  const told = new Map<string, Lane>();
  const dirty = new Set<string>();
  let toldOrder = "";
  let isListening = false;
  let timer: NodeJS.Timeout | undefined;
  const reader = createHistoryReader({
    events: (params) => client.call("session/events", params),
    onRead: changed,
    onError: (sessionId, error) => log.warn(`history of ${sessionId}: ${String(error)}`),
  });

  function changed(sessionId: string): void {
    dirty.add(sessionId);
    tellSoon();
  }

  function tellSoon(): void {
    if (isListening) timer ??= setTimeout(tellChanges, tellEveryMs);
  }

  function take(session: Session): void {
    const known = sessions.get(session.id);
    if (session.rootId !== rootId || known === session) return;
    if (known !== undefined && known.version > session.version) return;
    sessions.set(session.id, session);
    reader.note(session);
    changed(session.id);
  }

  function remove(sessionIds: readonly string[]): void {
    for (const id of sessionIds) {
      if (!sessions.delete(id)) continue;
      reader.forget(id);
      told.delete(id);
      changed(id);
    }
  }

  /** The model may leave out what ended long ago; the daemon's list has all of the tree. */
  async function takeAll(): Promise<void> {
    await start();
    for (const session of model.all()) take(session);
    const listed = new Set<string>();
    let cursor: string | undefined;
    do {
      const params = { rootId, limit: pageSize, ...(cursor !== undefined && { cursor }) };
      const page = await client.call("session/list", params);
      for (const session of page.sessions) {
        listed.add(session.id);
        take(session);
      }
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    remove([...sessions.keys()].filter((id) => !listed.has(id) && model.get(id) === undefined));
  }

  function tellChanges(): void {
    timer = undefined;
    const ordered = inTreeOrder([...sessions.values()]);
    const order = ordered.map(({ id }) => id);
    const parents = new Set(ordered.map(({ parentId }) => parentId));
    const lanes = ordered
      .filter(({ id }) => dirty.has(id) || told.get(id)?.hasChildren !== parents.has(id))
      .map((session) => ({
        ...laneOf(session, reader.historyOf(session.id)),
        hasChildren: parents.has(session.id),
      }));
    const changes = lanes.flatMap((lane) => changeOf(told.get(lane.sessionId), lane) ?? []);
    for (const lane of lanes) told.set(lane.sessionId, lane);
    dirty.clear();
    const root = sessions.get(rootId);
    const isNewOrder = order.join() !== toldOrder;
    toldOrder = order.join();
    tell({
      type: "lanes",
      title: oneLine(root?.title ?? "", 120),
      total: root === undefined ? { tokens: 0, costUsd: 0 } : spentOf(root.treeUsage),
      now: Date.now(),
      isConnected: client.state.kind === "connected",
      ...(isNewOrder && { order }),
      changed: changes,
    });
  }

  function renew(): void {
    taken = takeAll();
    taken.catch(complain);
  }

  const complain = (error: unknown) => log.error(`timeline of ${rootId}: ${String(error)}`);
  const listening = [
    client.onDidChangeState(tellSoon),
    model.onDidChange((sessionIds) => {
      if (sessionIds === undefined) for (const session of model.all()) take(session);
      for (const id of sessionIds ?? []) {
        const session = model.get(id);
        if (session !== undefined) take(session);
      }
    }),
    client.on("session/removed", ({ sessionIds }) => remove(sessionIds)),
    // What happened while nobody was connected is not told again.
    client.onConnected(renew),
  ];
  let taken: Promise<void>;
  renew();

  return {
    tellAll() {
      void taken
        .catch(() => undefined)
        .then(() => {
          isListening = true;
          told.clear();
          toldOrder = "";
          tellChanges();
        });
    },
    pause() {
      isListening = false;
      clearTimeout(timer);
      timer = undefined;
      reader.want([]);
    },
    want: (sessionIds) => reader.want(sessionIds),
    async whole(read) {
      await taken;
      const ids = [...sessions.keys()];
      await reader.readAll(ids, (done) => read(done, ids.length));
      const histories = new Map(
        ids.flatMap((id) => {
          const history = reader.historyOf(id);
          return history === undefined ? [] : [[id, history] as const];
        }),
      );
      return timelineOf(sessions.values(), histories);
    },
    dispose() {
      clearTimeout(timer);
      for (const one of listening) one.dispose();
      reader.dispose();
    },
  };
}
