import { deepEqual, equal, ok } from "node:assert/strict";
import { frame } from "../../daemon/wire/framing.ts";
import type { RawClient } from "../support/rawClient.ts";
import { waitFor } from "../support/waitFor.ts";
import { upTo, wireSuite } from "../support/wire.ts";

describe("wire: many clients, and clients that go", () => {
  const wire = wireSuite({ concurrency: { total: 10, perRoot: 10 } });
  const status = () => wire.client.call("daemon/status", {});
  const over = (...sessionIds: string[]) => wire.client.call("session/wait", { sessionIds });

  async function opened(): Promise<RawClient> {
    const client = await wire.socket();
    await client.open();
    return client;
  }

  it("serves 100 at once: each hears of everything, and gets the answers to its own requests", async () => {
    const clients = await Promise.all(upTo(100).map(opened));
    equal((await status()).clients, 101);
    await Promise.all(clients.map((client) => client.call("tree/subscribe", { events: "all" })));
    const ids: string[] = await Promise.all(
      clients.map(async (client, n) => {
        const params = { prompt: `echo ${n}`, cwd: wire.daemon.work, title: `t${n}` };
        // The same id on every connection.
        const { result } = await client.ask("session/spawn", params, "spawn");
        equal(result.session.title, `t${n}`);
        return result.session.id;
      }),
    );
    await over(...ids);
    const ends = (client: RawClient) =>
      client
        .of("subAgent/completed")
        .map(({ childSessionId, result }) => `${childSessionId} ${result}`);
    const expected = new Set(ids.map((id, n) => `${id} ${n}\n`));
    for (const client of clients) {
      await waitFor(() => ends(client).length === 100, "all completions");
      deepEqual(new Set(ends(client)), expected);
      deepEqual(ends(client), ends(clients[0] ?? client));
      equal(client.of("subAgent/started").length, 100);
    }
  });

  it("answers 2,000 pipelined requests of each of 3 clients, every one once", async () => {
    const clients = await Promise.all(upTo(3).map(opened));
    const requests = upTo(2000).map((id) =>
      frame(JSON.stringify({ jsonrpc: "2.0", id: `p${id}`, method: "daemon/status" })),
    );
    for (const client of clients) {
      client.received.length = 0;
      client.write(Buffer.concat(requests));
    }
    for (const client of clients) {
      await waitFor(() => client.received.length >= 2000, "all answers");
      equal(client.received.length, 2000);
      deepEqual(
        new Set(client.received.map(({ id }) => id)),
        new Set(upTo(2000).map((n) => `p${n}`)),
      );
      ok(client.received.every(({ error }) => error === undefined));
    }
  });

  it("lets a client that floods it with requests delay nobody else", async () => {
    const [flooding, other] = await Promise.all([opened(), opened()]);
    const requests = upTo(20_000).map((id) =>
      frame(
        JSON.stringify({
          jsonrpc: "2.0",
          id: `f${id}`,
          method: "session/list",
          params: { limit: 1 },
        }),
      ),
    );
    flooding.write(Buffer.concat(requests));
    for (let n = 0; n < 10; n += 1) await other.call("daemon/status");
    ok(flooding.received.length < 10_000, `${flooding.received.length} answers to the flood`);
  });

  it("finishes what a client had asked for when it goes in the middle of it", async () => {
    const { clients, sessions } = await status();
    const client = await opened();
    const spawn = { prompt: "echo done", cwd: wire.daemon.work, requestKey: "gone-meanwhile" };
    client.send({ jsonrpc: "2.0", id: 1, method: "session/spawn", params: spawn });
    client.write("Content-Length: 1000\r\n\r\n{");
    await new Promise((resolve) => setImmediate(resolve));
    await client.destroy();
    await waitFor(
      async () => (await status()).clients === clients,
      "the core to forget the client",
    );
    await waitFor(async () => (await status()).sessions > sessions, "the session");
    const { session } = await wire.client.call("session/spawn", spawn);
    const { completions } = await over(session.id);
    equal(completions[0]?.result, "done\n");
    equal((await status()).sessions, sessions + 1);
  });

  it("has nothing pending when connections close, whatever was under way", async () => {
    const id = await wire.client.shell("sleep 1000");
    const before = await status();
    for (let round = 0; round < 5; round += 1) {
      const going = await Promise.all(upTo(10).map(opened));
      for (const client of going) {
        void client.ask("session/wait", { sessionIds: [id] });
        void client.ask("session/subscribe", { sessionId: id });
        void client.ask("tree/subscribe", { events: "all", afterCompletion: 0 });
        void client.ask("session/list", { limit: 1000 });
      }
      await going[0]?.call("daemon/status");
      await Promise.all(going.map((client) => client.destroy()));
    }
    await waitFor(
      async () => (await status()).clients === before.clients,
      "the core to forget them",
    );
    await wire.client.call("session/cancel", { sessionId: id });
    const { completions } = await over(id);
    equal(completions.length, 1);
    equal((await status()).health, "ok");
    const faults = wire.daemon
      .log()
      .split("\n")
      .filter((line) => /"level":(50|60)/.test(line));
    deepEqual(faults, []);
  });

  it("ends a front, and only that, when its client is killed", async () => {
    const client = wire.front();
    await client.open();
    const { clients } = await status();
    await client.destroy();
    await waitFor(async () => (await status()).clients === clients - 1, "the core to forget it");
  });
});
