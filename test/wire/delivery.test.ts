import { deepEqual, equal, fail, ok } from "node:assert/strict";
import { connect } from "../../daemon/store/connection.ts";
import type { RawClient, WireMessage } from "../support/rawClient.ts";
import { gate } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";
import { restartCore, upTo, wireSuite } from "../support/wire.ts";

interface Completed {
  childSessionId: string;
  completionSeq: number;
  replayed?: true;
}

describe("wire: order and delivery", () => {
  const config = { concurrency: { total: 8, perRoot: 8 } };
  const wire = wireSuite(config);

  async function opened(): Promise<RawClient> {
    const client = await wire.socket();
    await client.open();
    return client;
  }
  const over = (...sessionIds: string[]) => wire.client.call("session/wait", { sessionIds });
  const completed = (client: RawClient): Completed[] => client.of("subAgent/completed");
  const seqs = (client: RawClient) => completed(client).map(({ completionSeq }) => completionSeq);
  const numbers = (first: number, last: number) => upTo(last).slice(first - 1);
  const watermark = async () => (await (await opened()).call("tree/subscribe")).completionSeq;

  it("sends answers only to a client that has subscribed to nothing", async () => {
    const client = await opened();
    const { session } = await client.call("session/create", { cwd: wire.daemon.work });
    const held = gate(wire.daemon.work);
    const spawn = { parentId: session.id, prompt: `echo x; ${held.wait}; echo y` };
    const ids = await Promise.all(
      upTo(5).map(async () => (await client.call("session/spawn", spawn)).session.id),
    );
    await client.call("session/cancel", { sessionId: ids[0] });
    await client.call("session/send", { sessionId: ids[1], text: "echo more" });
    held.open();
    await client.call("session/wait", { sessionIds: ids });
    await client.call("session/delete", { sessionId: session.id });
    const watcher = await opened();
    await watcher.call("tree/subscribe");
    wire.daemon.configure({ ...config, heartbeatMs: -1 });
    await waitFor(() => watcher.of("daemon/statusChanged").length === 1, "the fault to be told");
    wire.daemon.configure(config);
    await waitFor(() => watcher.of("daemon/statusChanged").length === 2, "the end of the fault");
    await client.call("daemon/status");
    deepEqual(client.notifications(), []);
  });

  it("answers a spawn before any word about its session: 200 spawns, three kinds of requests", async () => {
    const client = await opened();
    await client.call("tree/subscribe", { events: "all" });
    const spawn = { prompt: "true", cwd: wire.daemon.work };
    const answers = await Promise.all(
      upTo(200).map((n) => {
        const params = n % 10 < 7 ? { ...spawn, autoRun: false } : spawn;
        if (n % 3 > 0) return client.ask("session/spawn", params);
        return client.ask("workspace/executeCommand", {
          command: "offshoot.spawn",
          arguments: [params],
        });
      }),
    );
    const about = (id: string) =>
      client.received.findIndex(
        ({ params }) => (params?.childSessionId ?? params?.session?.id) === id,
      );
    const ids: string[] = answers.map(({ result }) => result.session.id);
    await waitFor(() => ids.every((id) => about(id) >= 0), "a word about each");
    for (const [place, id] of ids.entries()) {
      ok(client.received.indexOf(answers[place] ?? {}) < about(id), `spawn ${place}`);
    }
    const { session } = await client.call("session/get", { sessionId: ids[0] });
    ok(client.received.indexOf(answers[0] ?? {}) < about(session.rootId), "a new root too");
    await client.call("session/delete", { sessionId: session.rootId });
  });

  it("answers with a root, a run and a delivery before any word about them", async () => {
    const client = await opened();
    await client.call("tree/subscribe", { events: "all" });
    for (let n = 0; n < 20; n += 1) {
      const made = await client.ask("session/create", { cwd: wire.daemon.work });
      const rootId = made.result.session.id;
      const held = { parentId: rootId, prompt: "true", autoRun: false };
      const { id } = (await client.call("session/spawn", held)).session;
      const place = (version: number) =>
        client.received.findIndex(
          ({ method, params }) =>
            method === "session/changed" &&
            params.session.id === id &&
            params.session.version === version,
        );
      const run = await client.ask(...request(n, id));
      await waitFor(() => place(2) >= 0, "the change");
      ok(client.received.indexOf(run) < place(2));
      await client.call("session/delete", { sessionId: rootId });
    }
    function request(n: number, sessionId: string): [string, object] {
      return n % 2 ? ["session/run", { sessionId }] : ["session/send", { sessionId, text: "true" }];
    }
  });

  it("numbers completions without a gap, ascending on every connection: 100 runs, 3 clients", async () => {
    const clients = await Promise.all([opened(), opened(), opened()]);
    const before = await watermark();
    for (const [place, client] of clients.entries()) {
      await client.call("tree/subscribe", place === 0 ? { events: "all" } : {});
    }
    const prompts = ["true", "exit 1", "sleep 0.02", "echo x"];
    const spawned = await Promise.all(
      upTo(100).map(async (n) => {
        const prompt = prompts[n % prompts.length] ?? "";
        const client = clients[n % 3] ?? fail();
        const params = { prompt, cwd: wire.daemon.work };
        const { id } = (await client.call("session/spawn", params)).session;
        if (n % 10 === 0) await client.call("session/cancel", { sessionId: id });
        return id;
      }),
    );
    await over(...spawned);
    for (const client of clients) {
      await client.call("daemon/status");
      deepEqual(seqs(client), numbers(before + 1, before + 100));
      deepEqual(
        new Set(completed(client).map(({ childSessionId }) => childSessionId)),
        new Set(spawned),
      );
    }
    equal(await watermark(), before + 100);
  });

  it("sends completions above afterCompletion again, first and ascending, and then goes on", async () => {
    const before = await watermark();
    const ids = await Promise.all(upTo(30).map((n) => wire.client.shell(`echo ${n}`)));
    await over(...ids);
    for (const after of [before + 30, before + 29, before + 10, 0]) {
      const client = await opened();
      const running = await Promise.all(upTo(4).map(() => wire.client.shell("true")));
      const asked = await client.ask("tree/subscribe", { afterCompletion: after });
      await over(...running);
      const last = await watermark();
      await waitFor(() => seqs(client).at(-1) === last, "the last completion");
      deepEqual(seqs(client), numbers(after + 1, last));
      for (const { completionSeq, replayed } of completed(client)) {
        equal(replayed, completionSeq <= asked.result.completionSeq ? true : undefined);
      }
      const first = client.received.slice(client.received.indexOf(asked) + 1);
      const again = asked.result.completionSeq - after;
      ok(
        first.slice(0, again).every(({ params }) => params.replayed === true),
        "they come first",
      );
    }
  });

  it("sends them again to who asks again, and nothing live twice", async () => {
    const client = await opened();
    let stop = false;
    const spawning = (async () => {
      while (!stop) await over(await wire.client.shell("true"));
    })();
    const asked: { after: number; answer: WireMessage }[] = [];
    for (let after = await watermark(), n = 0; n < 15; n += 1) {
      asked.push({ after, answer: await client.ask("tree/subscribe", { afterCompletion: after }) });
      await waitFor(() => (seqs(client).at(-1) ?? 0) > after + 1, "some completions");
      after = (seqs(client).at(-1) ?? 0) - (n % 2);
    }
    stop = true;
    await spawning;
    const last = await watermark();
    await waitFor(() => seqs(client).at(-1) === last, "the last completion");
    for (const [place, { after, answer }] of asked.entries()) {
      const next = asked[place + 1];
      const end = next && client.received.indexOf(next.answer);
      const came = client.received.slice(client.received.indexOf(answer), end);
      const news: Completed[] = came.flatMap(({ method, params }) =>
        method === "subAgent/completed" ? [params] : [],
      );
      const expected = numbers(after + 1, after + news.length);
      deepEqual(
        news.map(({ completionSeq }) => completionSeq),
        expected,
      );
      for (const { completionSeq, replayed } of news) {
        equal(replayed, completionSeq <= answer.result.completionSeq ? true : undefined);
      }
    }
  });

  it("sends again what belongs to the rootIds, also of the first run of a tree", async () => {
    const roots: string[] = [];
    for (let n = 0; n < 2; n += 1) {
      roots.push((await wire.client.call("session/create", { cwd: wire.daemon.work })).session.id);
    }
    const ids = await Promise.all(
      upTo(10).map((n) => wire.client.shell("true", { parentId: roots[n % 2] ?? "" })),
    );
    await over(...ids);
    const client = await opened();
    await client.call("tree/subscribe", { rootIds: [roots[1]], afterCompletion: 0 });
    const mine = ids.filter((_id, place) => place % 2 === 0);
    await waitFor(() => completed(client).length >= mine.length, "the completions");
    await client.call("daemon/status");
    deepEqual(
      new Set(completed(client).map(({ childSessionId }) => childSessionId)),
      new Set(mine),
    );
    deepEqual(
      seqs(client),
      [...seqs(client)].sort((a, b) => a - b),
    );
  });

  it("sends again also what the store could not take yet", async () => {
    const before = await watermark();
    const held = gate(wire.daemon.work);
    const id = await wire.client.shell(`${held.wait}; echo done`);
    const { storeFile } = await wire.client.call("daemon/status", {});
    const database = await connect(storeFile, 1000);
    await held.reached();
    await database.query("BEGIN IMMEDIATE");
    held.open();
    const { completions } = await over(id);
    equal(completions[0]?.stored, false);
    const client = await opened();
    await client.call("tree/subscribe", { afterCompletion: before });
    await waitFor(() => completed(client).length > 0, "the completion");
    deepEqual(completed(client), [{ ...completions[0], replayed: true }]);
    await database.query("COMMIT");
    await database.close();
    const isStored = () =>
      client.of("session/changed").some(({ session }) => session.id === id && session.stored);
    await waitFor(isStored, "the store to take it");
    equal(completed(client).length, 1);
  });

  it("goes on with the numbers after a restart, and has all of them to send again", async () => {
    const before = await watermark();
    await over(await wire.client.shell("true"));
    await restartCore(wire);
    await over(await wire.client.shell("true"));
    const client = await opened();
    await client.call("tree/subscribe", { afterCompletion: before });
    await waitFor(() => seqs(client).length === 2, "both");
    deepEqual(seqs(client), [before + 1, before + 2]);
  });
});
