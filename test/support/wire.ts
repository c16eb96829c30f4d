/** What the tests of the wire share: one daemon per suite, its raw clients, and the whole protocol. */
import { deepEqual, fail } from "node:assert/strict";
import type * as z from "zod";
import { stoppingMethod } from "../../daemon/wire/handshake.ts";
import type { Config } from "../../protocol/config.ts";
import { notifications, type NotificationMethod } from "../../protocol/messages.ts";
import { startDaemon, type TestClient, type TestDaemon } from "./daemon.ts";
import { checkLeaks } from "./leaks.ts";
import { rawFront, rawSocket, type RawClient, type WireMessage } from "./rawClient.ts";
import { waitFor } from "./waitFor.ts";

export interface Wire {
  readonly daemon: TestDaemon;
  /** A client over the library, which is subscribed to nothing. */
  readonly client: TestClient;
  front(): RawClient;
  socket(): Promise<RawClient>;
}

/** Call it inside `describe`: one daemon for the suite; raw clients end with their test. */
export function wireSuite(config: Config = {}): Wire {
  checkLeaks();
  let daemon: TestDaemon | undefined;
  let client: TestClient | undefined;
  const raw: RawClient[] = [];
  const keep = (one: RawClient) => {
    raw.push(one);
    return one;
  };
  before("start a daemon", async () => {
    daemon = startDaemon(config);
    client = await daemon.client({ subscribe: "nothing" });
  });
  afterEach("end the raw clients", async () => {
    for (const one of raw) checkNotifications(one.received);
    await Promise.all(raw.splice(0).map((one) => one.destroy()));
  });
  after("stop the daemon", async () => {
    await daemon?.stop();
  });
  return {
    get daemon() {
      return daemon ?? fail("the daemon has not started");
    },
    get client() {
      return client ?? fail("the daemon has not started");
    },
    front: () => keep(rawFront(daemon ?? fail("the daemon has not started"))),
    socket: async () => keep(await rawSocket(daemon ?? fail("the daemon has not started"))),
  };
}

/** Every notification is in the method table, and has the fields that stand there and no others. */
export function checkNotifications(received: readonly WireMessage[]): void {
  for (const { method, params } of received) {
    // The last word of a core to a front is not for clients, but those of a socket see it.
    if (method === undefined || method === stoppingMethod) continue;
    if (!Object.hasOwn(notifications, method)) fail(`the protocol has no notification ${method}`);
    const schema: z.ZodType = notifications[method as NotificationMethod].params;
    deepEqual(schema.parse(params), params);
  }
}

/** kill -9 to the core; resolves when the front of the suite's client has joined another one. */
export async function restartCore({ daemon }: Wire): Promise<void> {
  await daemon.killCore();
  await anotherCore(daemon);
}

/** What is asked before the front has noticed that its core is gone fails with it. */
export async function anotherCore(daemon: TestDaemon): Promise<void> {
  await waitFor(() => daemon.corePid().catch(() => undefined), "another core");
}

/** `[1, 2, …, last]`. */
export function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, place) => place + 1);
}

/** Numbers between 0 and 1 that are the same for the same seed, so that a failure can be repeated. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}
