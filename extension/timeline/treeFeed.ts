/**
 * Keeps the lanes of one tree up to date: takes sessions from the model and histories from the store,
 * and sends what has changed at most ten times a second.
 */
import type { Session } from "../../protocol/session.ts";
import type { Services } from "../editor/services.ts";
import { HistoryReader } from "./historyReader.ts";
import { inTreeOrder, laneOf, timelineOf, totalOf, type Lane, type Timeline } from "./lanes.ts";
import { changeOf, type LanesMessage } from "./messages.ts";

type FeedServices = Pick<Services, "client" | "model" | "start"> & {
  log: Pick<Services["log"], "error" | "warn">;
};

const sendEveryMs = 100;
const pageSize = 1_000;

export class TreeFeed {
  readonly #services: FeedServices;
  readonly #rootId: string;
  readonly #send: (message: LanesMessage) => void;
  readonly #reader: HistoryReader;
  readonly #listening: { dispose(): void }[];
  readonly #sessions = new Map<string, Session>();
  readonly #sent = new Map<string, Lane>();
  readonly #dirty = new Set<string>();
  #sentOrder = "";
  #isShown = false;
  #timer: NodeJS.Timeout | undefined;
  #loaded: Promise<void> = Promise.resolve();

  constructor(services: FeedServices, rootId: string, send: (message: LanesMessage) => void) {
    const { client, model, log } = services;
    this.#services = services;
    this.#rootId = rootId;
    this.#send = send;
    this.#reader = new HistoryReader({
      events: (params) => client.call("session/events", params),
      onRead: (sessionId) => this.#changed(sessionId),
      onError: (sessionId, error) => log.warn(`history of ${sessionId}: ${String(error)}`),
    });
    this.#listening = [
      client.onDidChangeState(() => this.#sendSoon()),
      model.onDidChange((sessionIds) => {
        const changed = sessionIds?.flatMap((id) => model.get(id) ?? []) ?? model.all();
        for (const session of changed) this.#take(session);
      }),
      client.on("session/removed", ({ sessionIds }) => this.#remove(sessionIds)),
      // Changes during a disconnection are in no notification.
      client.onConnected(() => this.#load()),
    ];
    this.#load();
  }

  /** Sends everything again, to a page that was just loaded. */
  sendAll(): void {
    void this.#loaded
      .catch(() => undefined)
      .then(() => {
        this.#isShown = true;
        this.#sent.clear();
        this.#sentOrder = "";
        this.#sendChanges();
      });
  }

  /** The page is hidden: nothing is read or sent until `sendAll`. */
  pause(): void {
    this.#isShown = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#reader.setVisible([]);
  }

  setVisible(sessionIds: readonly string[]): void {
    this.#reader.setVisible(sessionIds);
  }

  /** The whole tree with all stored events; `onRead` gets the number of complete lanes. */
  async whole(onRead: (done: number, of: number) => void): Promise<Timeline> {
    await this.#loaded;
    const ids = [...this.#sessions.keys()];
    await this.#reader.readAll(ids, (done) => onRead(done, ids.length));
    return timelineOf([...this.#sessions.values()], (id) => this.#reader.historyOf(id));
  }

  dispose(): void {
    clearTimeout(this.#timer);
    for (const one of this.#listening) one.dispose();
    this.#reader.dispose();
  }

  #changed(sessionId: string): void {
    this.#dirty.add(sessionId);
    this.#sendSoon();
  }

  #sendSoon(): void {
    if (this.#isShown) this.#timer ??= setTimeout(() => this.#sendChanges(), sendEveryMs);
  }

  #take(session: Session): void {
    const known = this.#sessions.get(session.id);
    if (session.rootId !== this.#rootId || known === session) return;
    if (known !== undefined && known.version > session.version) return;
    this.#sessions.set(session.id, session);
    this.#reader.takeSession(session);
    this.#changed(session.id);
  }

  #remove(sessionIds: readonly string[]): void {
    for (const id of sessionIds) {
      if (!this.#sessions.delete(id)) continue;
      this.#reader.forget(id);
      this.#sent.delete(id);
      this.#changed(id);
    }
  }

  #load(): void {
    this.#loaded = this.#loadAll();
    this.#loaded.catch((error: unknown) =>
      this.#services.log.error(`timeline of ${this.#rootId}: ${String(error)}`),
    );
  }

  /** The model may lack sessions that ended long ago: the daemon lists the whole tree. */
  async #loadAll(): Promise<void> {
    const { client, model, start } = this.#services;
    await start();
    for (const session of model.all()) this.#take(session);
    const listed = new Set<string>();
    let cursor: string | undefined;
    do {
      const rootId = this.#rootId;
      const params = { rootId, limit: pageSize, ...(cursor !== undefined && { cursor }) };
      const page = await client.call("session/list", params);
      for (const session of page.sessions) {
        listed.add(session.id);
        this.#take(session);
      }
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    const isGone = (id: string) => !listed.has(id) && model.get(id) === undefined;
    this.#remove([...this.#sessions.keys()].filter(isGone));
  }

  #sendChanges(): void {
    this.#timer = undefined;
    const ordered = inTreeOrder([...this.#sessions.values()]);
    const order = ordered.map(({ id }) => id);
    const parents = new Set(ordered.map(({ parentId }) => parentId));
    const isChanged = ({ id }: Session) =>
      this.#dirty.has(id) || this.#sent.get(id)?.hasChildren !== parents.has(id);
    const lanes = ordered.filter(isChanged).map((session) => ({
      ...laneOf(session, this.#reader.historyOf(session.id)),
      hasChildren: parents.has(session.id),
    }));
    const changed = lanes.flatMap((lane) => changeOf(this.#sent.get(lane.sessionId), lane) ?? []);
    for (const lane of lanes) this.#sent.set(lane.sessionId, lane);
    this.#dirty.clear();
    const isNewOrder = order.join() !== this.#sentOrder;
    this.#sentOrder = order.join();
    this.#send({
      type: "lanes",
      ...totalOf(this.#sessions.get(this.#rootId)),
      now: Date.now(),
      isConnected: this.#services.client.state.kind === "connected",
      ...(isNewOrder && { order }),
      changed,
    });
  }
}
