import { deepEqual, equal, ok } from "node:assert/strict";
import type { Session } from "../../protocol/session.ts";
import type { RawClient } from "../support/rawClient.ts";
import { waitFor } from "../support/waitFor.ts";
import { seeded, upTo, wireSuite } from "../support/wire.ts";

describe("wire: tree/subscribe", () => {
  const wire = wireSuite({ concurrency: { total: 12, perRoot: 6 } });

  async function opened(): Promise<RawClient> {
    const client = await wire.socket();
    await client.open();
    return client;
  }
  const root = async () =>
    (await wire.client.call("session/create", { cwd: wire.daemon.work })).session.id;
  const over = (...sessionIds: string[]) => wire.client.call("session/wait", { sessionIds });

  /** What a client makes of a snapshot and of what came after it, by the rules of the protocol. */
  function modelOf(client: RawClient, asked: RawClient["received"][0]): Session[] {
    const model = new Map<string, Session>();
    for (const session of asked.result.sessions as Session[]) model.set(session.id, session);
    for (const { method, params } of client.received.slice(client.received.indexOf(asked))) {
      if (method === "session/removed") for (const id of params.sessionIds) model.delete(id);
      if (method !== "session/changed") continue;
      const { session } = params as { session: Session };
      const held = model.get(session.id)?.version ?? session.version - 1;
      // None is left out either: the version grows by one with every change.
      if (session.version > held) equal(session.version, held + 1);
      if (session.version > held) model.set(session.id, session);
    }
    return [...model.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
  }

  async function listed(): Promise<Session[]> {
    const { sessions, nextCursor } = await wire.client.call("session/list", { limit: 1000 });
    equal(nextCursor, undefined);
    return sessions;
  }

  it("keeps a model that equals session/list, whatever happens: 12 clients that come at any time", async () => {
    const random = seeded(7);
    const roots = await Promise.all([root(), root()]);
    const watching: Promise<[RawClient, RawClient["received"][0]]>[] = [];
    const watch = async (): Promise<[RawClient, RawClient["received"][0]]> => {
      const client = await opened();
      return [client, await client.ask("tree/subscribe", random() < 0.5 ? {} : { events: "all" })];
    };
    const ids: string[] = [];
    const anyId = () => ids[Math.floor(random() * ids.length)] ?? "";
    const prompts = ["echo hi", "exit 3", "sleep 0.05", "sleep 1000", "seq 50"];
    for (let step = 0; step < 180; step += 1) {
      if (step % 15 === 0) watching.push(watch());
      const dice = random();
      const parentId = dice < 0.1 && ids.length > 0 ? anyId() : (roots[step % 2] ?? "");
      const prompt = prompts[Math.floor(random() * prompts.length)] ?? "";
      const request =
        dice < 0.5
          ? wire.client.call("session/spawn", { parentId, prompt, autoRun: random() < 0.9 })
          : dice < 0.65
            ? wire.client.call("session/cancel", { sessionId: anyId() })
            : dice < 0.75
              ? wire.client.call("session/send", { sessionId: anyId(), text: "echo again" })
              : dice < 0.82
                ? wire.client.call("session/pause", { sessionId: anyId() })
                : dice < 0.88
                  ? wire.client.call("session/resume", { sessionId: anyId() })
                  : dice < 0.95
                    ? wire.client.call("session/run", { sessionId: anyId() })
                    : wire.client.call("session/delete", { sessionId: anyId() });
      const settled = request.then(
        (result) => void ("session" in result && ids.push(result.session.id)),
        () => undefined,
      );
      if (random() < 0.7) await settled;
    }
    for (const rootId of roots) await wire.client.call("session/cancel", { sessionId: rootId });
    const isQuiet = ({ status }: Session) => !["queued", "running", "suspended"].includes(status);
    await waitFor(async () => (await listed()).every(isQuiet), "everything to end");
    const expected = await listed();
    ok(expected.length > 50);
    for (const [client, asked] of await Promise.all(watching)) {
      await client.call("daemon/status");
      deepEqual(modelOf(client, asked), expected);
    }
  });

  it("tells of every run: started, events 1, 2, 3 …, completed, and nothing behind it", async () => {
    const client = await opened();
    await client.call("tree/subscribe", { events: "all" });
    const ids = await Promise.all(
      upTo(20).map((n) => wire.client.shell(`seq ${n}; exit ${n % 2}`)),
    );
    await over(...ids);
    const told = (id: string) =>
      client.notifications().filter(({ params }) => params.childSessionId === id);
    const ended = () => client.of("subAgent/completed").length === 20;
    await waitFor(ended, "all completions");
    for (const id of ids) {
      const [first, ...rest] = told(id).filter(({ method }) => method !== "subAgent/heartbeat");
      const last = rest.pop();
      deepEqual([first?.method, last?.method], ["subAgent/started", "subAgent/completed"]);
      deepEqual(new Set(rest.map(({ method }) => method)), new Set(["subAgent/event"]));
      deepEqual(
        rest.map(({ params }) => params.seq),
        upTo(rest.length),
      );
      equal(told(id).at(-1), last);
      const { session } = await wire.client.call("session/get", { sessionId: id });
      equal(session.lastSeq, rest.length);
      equal(new Set(told(id).map(({ params }) => params.runId)).size, 1);
      deepEqual(told(id)[0]?.params.session.status, "running");
    }
  });

  it("lifecycle, the default, leaves out the events and nothing else", async () => {
    const [all, some, usual] = await Promise.all([opened(), opened(), opened()]);
    await all.call("tree/subscribe", { events: "all" });
    await some.call("tree/subscribe", { events: "lifecycle" });
    await usual.call("tree/subscribe", {});
    const id = await wire.client.shell("echo one; sleep 0.3; echo two");
    await over(id);
    await Promise.all([all, some, usual].map((client) => client.call("daemon/status")));
    const expected = all.notifications().filter(({ method }) => method !== "subAgent/event");
    ok(expected.length < all.notifications().length);
    deepEqual(some.notifications(), expected);
    deepEqual(usual.notifications(), expected);
    const methods = new Set(expected.map(({ method }) => method));
    const lifecycle = [
      "session/changed",
      "subAgent/started",
      "subAgent/heartbeat",
      "subAgent/completed",
    ];
    deepEqual(methods, new Set(lifecycle));
  });

  it("with rootIds is about those trees only", async () => {
    const [one, other] = await Promise.all([root(), root()]);
    const client = await opened();
    const { sessions } = await client.call("tree/subscribe", { rootIds: [one], events: "all" });
    deepEqual(
      sessions.map(({ id }: Session) => id),
      [one],
    );
    const none = await opened();
    deepEqual((await none.call("tree/subscribe", { rootIds: [], events: "all" })).sessions, []);
    const ids = [];
    for (const parentId of [one, other, one])
      ids.push(await wire.client.shell("echo x", { parentId }));
    await over(...ids);
    await wire.client.call("session/delete", { sessionId: other });
    await wire.client.call("session/delete", { sessionId: ids[0] ?? "" });
    await client.call("daemon/status");
    const about = client
      .notifications()
      .map(({ params }) => params.childSessionId ?? params.session?.id);
    deepEqual(new Set(about), new Set([ids[0], ids[2], undefined]));
    deepEqual(client.of("session/removed"), [{ sessionIds: [ids[0]] }]);
    equal(client.of("subAgent/completed").length, 2);
    await none.call("daemon/status");
    deepEqual(none.notifications(), []);
  });

  it("replaces the earlier one, and ends with tree/unsubscribe", async () => {
    const [one, other] = await Promise.all([root(), root()]);
    const client = await opened();
    const run = async (parentId: string) => over(await wire.client.shell("echo x", { parentId }));
    await client.call("tree/subscribe", { rootIds: [one], events: "all" });
    await client.call("tree/subscribe", { rootIds: [other] });
    await run(one);
    await client.call("daemon/status");
    deepEqual(client.notifications(), []);
    await run(other);
    await client.call("daemon/status");
    equal(client.of("subAgent/completed").length, 1);
    equal(client.of("subAgent/event").length, 0);
    deepEqual(await client.call("tree/unsubscribe"), {});
    client.received.length = 0;
    await run(other);
    await client.call("daemon/status");
    equal(client.received.length, 1);
    deepEqual(await client.call("tree/unsubscribe"), {});
  });
});
