/** Keeps the model of the sessions up to date: subscribes to the tree with each new connection. */
import { setTimeout as delay } from "node:timers/promises";
import type { LogOutputChannel } from "vscode";
import type { NotificationParams } from "../../protocol/messages.ts";
import type { Session } from "../../protocol/session.ts";
import { isLive } from "../../protocol/states.ts";
import type { SessionModel } from "../sessions/sessionModel.ts";
import type { DaemonClient } from "./daemonClient.ts";

const pageSize = 1000;
const subscribeAgainMs = 1000;
const placesEveryMs = 1000;

export class SessionSync {
  readonly #client: DaemonClient;
  readonly #model: SessionModel;
  readonly #log: Pick<LogOutputChannel, "error">;
  #upToDate = renewed(undefined);
  #isUpToDate = false;
  #completionSeq: number | undefined;
  #cursor: string | undefined;
  #isReadingPlaces = false;

  constructor(client: DaemonClient, model: SessionModel, log: Pick<LogOutputChannel, "error">) {
    this.#client = client;
    this.#model = model;
    this.#log = log;
    client.onConnected(() => {
      this.#upToDate = renewed(this.#upToDate);
      void this.#subscribe();
    });
    // Sessions that were removed while no core was running are in no notification.
    client.on("daemon/restarted", () => void this.#subscribe());
    client.onDidChangeState((state) => {
      if (state.kind !== "connected") this.#isUpToDate = false;
      if (state.kind === "gone") this.#upToDate.reject(new Error(state.why));
    });
    client.on("session/changed", ({ session }) => this.#sessionChanged(session));
    client.on("subAgent/started", ({ session }) => model.add(session));
    client.on("subAgent/heartbeat", (heartbeat) => this.#heartbeat(heartbeat));
    client.on("subAgent/completed", ({ completionSeq, stored }) => {
      // The number of a completion that was never stored is used again after its core has died.
      if (stored) this.#completionSeq = Math.max(this.#completionSeq ?? 0, completionSeq);
    });
    client.on("session/removed", ({ sessionIds }) => model.remove(sessionIds));
  }

  /** Resolves when the model is up to date with the present or the next connection. */
  upToDate(): Promise<void> {
    return this.#upToDate.promise;
  }

  /** Whether the model is up to date with the present connection. */
  get isUpToDate(): boolean {
    return this.#isUpToDate;
  }

  get hasOlder(): boolean {
    return this.#cursor !== undefined;
  }

  async loadOlder(): Promise<void> {
    const cursor = this.#cursor;
    if (cursor === undefined) return;
    const answer = await this.#client.call("session/list", { cursor, limit: pageSize });
    // After a reconnect the pages begin again.
    if (this.#cursor !== cursor) return;
    this.#cursor = answer.nextCursor;
    this.#model.add(...answer.sessions);
  }

  /** A core that dies leaves the request unanswered: the next core is asked again. */
  async #subscribe(): Promise<void> {
    for (;;) {
      try {
        return await this.#subscribeOnce();
      } catch (error) {
        this.#log.error(`tree/subscribe: ${String(error)}`);
        if (this.#client.state.kind !== "connected") return;
        await delay(subscribeAgainMs, undefined, { ref: false });
      }
    }
  }

  /** Reads all sessions; completions that were missed are sent again. */
  async #subscribeOnce(): Promise<void> {
    const after = this.#completionSeq;
    const answer = await this.#client.call("tree/subscribe", {
      events: "lifecycle",
      ...(after !== undefined && { afterCompletion: after }),
    });
    this.#completionSeq = answer.completionSeq;
    this.#cursor = answer.nextCursor;
    this.#isUpToDate = true;
    this.#model.replace(answer.sessions);
    this.#upToDate.resolve();
  }

  #sessionChanged(session: Session): void {
    const before = this.#model.get(session.id)?.status;
    this.#model.add(session);
    const isNew = session.status === "queued" && session.position === undefined;
    const hasLeft = before === "queued" && session.status !== "queued";
    if ((!isNew && !hasLeft) || this.#isReadingPlaces) return;
    this.#readPlaces().catch((error: unknown) => this.#log.error(String(error)));
  }

  /**
   * Reads the places in the queue. The daemon does not notify when the sessions behind one that
   * leaves move up, and it notifies of a new session before that has a place.
   */
  async #readPlaces(): Promise<void> {
    this.#isReadingPlaces = true;
    await delay(placesEveryMs, undefined, { ref: false });
    this.#isReadingPlaces = false;
    const { sessions } = await this.#client.call("session/list", {
      status: ["queued"],
      limit: pageSize,
    });
    const places = sessions.flatMap((session) =>
      session.status === "queued" && session.position !== undefined
        ? [[session.id, session.position] as const]
        : [],
    );
    this.#model.renumber(new Map(places));
  }

  #heartbeat(heartbeat: NotificationParams<"subAgent/heartbeat">): void {
    const { childSessionId, runId, timestamp, lastProgressAt, activity } = heartbeat;
    const session = this.#model.get(childSessionId);
    // A heartbeat that arrives after the end of its run is ignored.
    if (session === undefined || !isLive(session) || session.runId !== runId) return;
    this.#model.overlay(childSessionId, {
      lastHeartbeatAt: timestamp,
      lastProgressAt,
      ...(activity && { activity }),
    });
  }
}

/** A new promise; whoever waits for the last one gets the result of the new one. */
function renewed(last: PromiseWithResolvers<void> | undefined): PromiseWithResolvers<void> {
  const next = Promise.withResolvers<void>();
  if (last !== undefined) next.promise.then(last.resolve, last.reject);
  // A rejection for which nobody waits is no error.
  next.promise.catch(() => undefined);
  return next;
}
