/** Keeps the model of the sessions true: subscribes to the tree whenever a connection is there. */
import { setTimeout as delay } from "node:timers/promises";
import { isLive } from "../../protocol/states.ts";
import type { DaemonClient } from "./daemonClient.ts";
import type { SessionModel } from "../sessions/sessionModel.ts";

interface Parts {
  client: DaemonClient;
  model: SessionModel;
  log: { error(message: string): void };
}

export interface Following {
  /** Resolves when the model holds the truth of the connection that there is or will be. */
  caughtUp(): Promise<void>;
  /** Whether the model holds the truth of this connection. */
  readonly isCaughtUp: boolean;
  /** Whether there are older sessions that the model does not hold. */
  readonly hasOlder: boolean;
  /** Takes the next page of older sessions into the model. */
  loadOlder(): Promise<void>;
}

const pageSize = 1000;
const askAgainMs = 1000;
const placesEveryMs = 1000;

export function followSessions({ client, model, log }: Parts): Following {
  let caughtUp = renewed(undefined);
  let isCaughtUp = false;
  let completionSeq: number | undefined;
  let cursor: string | undefined;
  let asksForPlaces: Promise<void> | undefined;

  /** Asks for the truth; completions that were missed come again. */
  async function subscribe(): Promise<void> {
    const answer = await client.call("tree/subscribe", {
      events: "lifecycle",
      ...(completionSeq !== undefined && { afterCompletion: completionSeq }),
    });
    completionSeq = answer.completionSeq;
    cursor = answer.nextCursor;
    isCaughtUp = true;
    model.replace(answer.sessions);
    caughtUp.resolve();
  }

  /** A core that ends meanwhile leaves the request without an answer: it is asked again. */
  async function subscribeAtLast(): Promise<void> {
    for (;;) {
      try {
        return await subscribe();
      } catch (error) {
        log.error(`tree/subscribe: ${String(error)}`);
        if (client.state.kind !== "connected") return;
        await delay(askAgainMs, undefined, { ref: false });
      }
    }
  }

  client.onConnected(() => {
    caughtUp = renewed(caughtUp);
    void subscribeAtLast();
  });
  // What was removed while no core was there is told by nobody.
  client.on("daemon/restarted", () => void subscribeAtLast());
  client.onDidChangeState((state) => {
    if (state.kind !== "connected") isCaughtUp = false;
    if (state.kind === "gone") caughtUp.reject(new Error(state.why));
  });
  /**
   * Whoever leaves the queue moves up those behind it, of which the daemon tells nothing by itself;
   * and whoever comes is told before it has a place.
   */
  async function askForPlaces(): Promise<void> {
    await delay(placesEveryMs, undefined, { ref: false });
    asksForPlaces = undefined;
    const { sessions } = await client.call("session/list", { status: ["queued"], limit: pageSize });
    const places = sessions.flatMap(({ id, ...session }) =>
      session.status === "queued" && session.position !== undefined
        ? [[id, session.position] as const]
        : [],
    );
    model.renumber(new Map(places));
  }

  client.on("session/changed", ({ session }) => {
    const before = model.get(session.id)?.status;
    model.upsert(session);
    const hasCome = session.status === "queued" && session.position === undefined;
    const hasLeft = before === "queued" && session.status !== "queued";
    if (!hasCome && !hasLeft) return;
    asksForPlaces ??= askForPlaces().catch((error: unknown) => log.error(String(error)));
  });
  client.on("subAgent/started", ({ session }) => void model.upsert(session));
  client.on("subAgent/heartbeat", ({ childSessionId, runId, timestamp, ...facts }) => {
    const session = model.get(childSessionId);
    // One that was on its way when the run ended says nothing about the session any more.
    if (session === undefined || !isLive(session) || session.runId !== runId) return;
    const { lastProgressAt, activity } = facts;
    const lively = { lastHeartbeatAt: timestamp, lastProgressAt, ...(activity && { activity }) };
    model.overlay(childSessionId, lively);
  });
  client.on("subAgent/completed", ({ completionSeq: seq, stored }) => {
    // What was never stored is lost when its core dies, and its number is given again.
    if (stored) completionSeq = Math.max(completionSeq ?? 0, seq);
  });
  client.on("session/removed", ({ sessionIds }) => model.remove(sessionIds));

  return {
    caughtUp: () => caughtUp.promise,
    get isCaughtUp() {
      return isCaughtUp;
    },
    get hasOlder() {
      return cursor !== undefined;
    },
    async loadOlder() {
      if (cursor === undefined) return;
      const asked = cursor;
      const answer = await client.call("session/list", { cursor: asked, limit: pageSize });
      // A reconnect meanwhile has begun anew.
      if (cursor !== asked) return;
      cursor = answer.nextCursor;
      model.add(answer.sessions);
    },
  };
}

/** A promise for the next time; who waits for the last one waits for that too. */
function renewed(last: PromiseWithResolvers<void> | undefined): PromiseWithResolvers<void> {
  const next = Promise.withResolvers<void>();
  if (last !== undefined) next.promise.then(last.resolve, last.reject);
  // Nobody may be waiting when it is rejected.
  next.promise.catch(() => undefined);
  return next;
}
