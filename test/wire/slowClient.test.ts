import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { Session } from "../../protocol/session.ts";
import type { RawClient } from "../support/rawClient.ts";
import { waitFor } from "../support/waitFor.ts";
import { upTo, wireSuite } from "../support/wire.ts";

const megabyte = 1024 * 1024;
/** Lines of 4 KB, each of them an event. */
const flood = (lines: number) => `yes $(head -c 4000 /dev/zero | tr '\\0' x) | head -n ${lines}`;

describe("wire: a client that does not read", () => {
  const wire = wireSuite({ concurrency: { total: 8, perRoot: 8 } });
  const over = (...sessionIds: string[]) => wire.client.call("session/wait", { sessionIds });
  const session = async (id: string): Promise<Session> =>
    (await wire.client.call("session/get", { sessionId: id })).session;
  /** Where in what was received the ends of the runs of a session stand. */
  const ends = ({ received }: RawClient, id: string): number[] =>
    received.flatMap(({ method, params }, place) =>
      method === "subAgent/completed" && params.childSessionId === id ? [place] : [],
    );
  const completed = (client: RawClient, id: string) => ends(client, id).length > 0;

  /** Everything that came about the events of a session, in order: numbers, and ranges of a gap. */
  function coverage(
    { received }: Pick<RawClient, "received">,
    id: string,
  ): { seqs: number[]; gaps: number } {
    const seqs: number[] = [];
    let gaps = 0;
    for (const { method, params } of received) {
      if (method === "subAgent/event" && params.childSessionId === id) seqs.push(params.seq);
      if (method !== "subAgent/gap" || params.sessionId !== id) continue;
      gaps += 1;
      ok(params.from <= params.to);
      seqs.push(...upTo(params.to).slice(params.from - 1));
    }
    return { seqs, gaps };
  }

  /** What is never left out: every change with its version, and both ends of every run. */
  function lifeOf(client: RawClient, id: string): string[] {
    return client.notifications().flatMap(({ method, params }) => {
      if (method === "session/changed" && params.session.id === id) {
        return [`${params.session.version} ${params.session.status}`];
      }
      const isEnd = method === "subAgent/started" || method === "subAgent/completed";
      return isEnd && params.childSessionId === id ? [method ?? ""] : [];
    });
  }

  it("delays nobody, costs bounded memory, and learns afterwards what it missed", async () => {
    const fast = await wire.socket();
    const front = wire.front();
    const sockets = await Promise.all(upTo(9).map(() => wire.socket()));
    const slow = [front, ...sockets];
    await Promise.all([fast, ...slow].map((client) => client.open()));
    await Promise.all(
      [fast, ...slow].map((client) => client.call("tree/subscribe", { events: "all" })),
    );
    for (const client of slow) client.stopReading();
    const before = (await fast.call("daemon/status")).rssBytes;
    let most = 0;

    const flooding = await wire.client.shell(flood(10_000));
    const others: string[] = [];
    while (!completed(fast, flooding)) {
      const id = await wire.client.shell("echo quick");
      others.push(id);
      await waitFor(() => completed(fast, id), "a quick run while the flood goes on");
      most = Math.max(most, (await fast.call("daemon/status")).rssBytes);
    }
    const { lastSeq } = await session(flooding);
    ok(lastSeq > 5_000, `${lastSeq} events`);
    deepEqual(coverage(fast, flooding).seqs, upTo(lastSeq));
    // Ten clients that have each not read 40 MB.
    const grown = (most - before) / megabyte;
    ok(grown < 200, `the core has grown by ${grown} MB`);

    await wire.client.call("session/send", { sessionId: flooding, text: "echo again" });
    await over(flooding);
    const { lastSeq: veryLast } = await session(flooding);
    await waitFor(() => ends(fast, flooding).length === 2, "the second run");

    for (const client of slow) client.readOn();
    for (const client of slow) {
      await waitFor(() => ends(client, flooding).length === 2, "both ends");
      const { seqs, gaps } = coverage(client, flooding);
      deepEqual(seqs, upTo(veryLast));
      ok(gaps > 0);
      // What was missed of a run is named before its end, as the events would have come.
      const untilFirstEnd = client.received.slice(0, ends(client, flooding)[0]);
      deepEqual(coverage({ received: untilFirstEnd }, flooding).seqs, upTo(lastSeq));
      for (const id of [flooding, ...others]) deepEqual(lifeOf(client, id), lifeOf(fast, id));
      deepEqual(
        client.of("subAgent/completed").map(({ completionSeq }) => completionSeq),
        fast.of("subAgent/completed").map(({ completionSeq }) => completionSeq),
      );
    }
    const [gap] = sockets[0]?.of("subAgent/gap") ?? [];
    const missed = await wire.client.call("session/events", {
      sessionId: gap.sessionId,
      after: gap.from - 1,
      limit: 5,
    });
    equal(missed.events[0]?.seq, gap.from);
  });

  it("gets every event of a session that it subscribed to, later and from the store", async () => {
    const client = await wire.socket();
    await client.open();
    const id = await wire.client.shell(`sleep 0.1; ${flood(5_000)}`);
    await client.call("session/subscribe", { sessionId: id });
    await client.call("tree/subscribe", { events: "all" });
    client.stopReading();
    await over(id);
    client.readOn();
    await waitFor(() => completed(client, id), "the end of the flood");
    const { lastSeq } = await session(id);
    deepEqual(coverage(client, id), { seqs: upTo(lastSeq), gaps: 0 });
    equal(client.notifications().at(-1)?.method, "subAgent/completed");
  });

  it("gets its answers before what waits, and nothing of what it took back", async () => {
    const client = await wire.socket();
    await client.open();
    await client.call("tree/subscribe", { events: "all" });
    client.stopReading();
    const id = await wire.client.shell(flood(5_000));
    await over(id);
    const asked = [client.ask("tree/unsubscribe"), client.ask("session/get", { sessionId: id })];
    client.readOn();
    const [ended] = await Promise.all(asked);
    await client.call("daemon/status");
    const from = client.received.indexOf(ended ?? {});
    deepEqual(
      client.received.slice(from).filter(({ method }) => method !== undefined),
      [],
    );
    equal(client.of("subAgent/completed").length, 0);
  });

  it("is not worked for while it does not read its answers", async () => {
    const title = "x".repeat(megabyte / 2);
    const cwd = wire.daemon.work;
    for (let n = 0; n < 8; n += 1) {
      await wire.client.call("session/spawn", { prompt: "x", autoRun: false, title, cwd });
    }
    const [client, other] = await Promise.all([wire.socket(), wire.socket()]);
    await Promise.all([client.open(), other.open()]);
    client.stopReading();
    const before = (await other.call("daemon/status")).rssBytes;
    const answers = upTo(60).map((n) => client.ask("session/list", { limit: 8 }, `l${n}`));
    for (let n = 0; n < 200; n += 1) await other.call("daemon/status");
    const grown = ((await other.call("daemon/status")).rssBytes - before) / megabyte;
    // All of the answers together are 240 MB.
    ok(grown < 120, `the core has grown by ${grown} MB`);
    client.readOn();
    for (const { result } of await Promise.all(answers)) equal(result.sessions.length, 8);
  });

  it("is dropped past a bound, with a line in the log, and nobody else is", async () => {
    const [client, other] = await Promise.all([wire.socket(), wire.socket()]);
    const front = wire.front();
    for (const one of [client, other, front]) {
      await one.open();
      await one.call("tree/subscribe");
    }
    client.stopReading();
    front.stopReading();
    const cwd = wire.daemon.work;
    const made: string[] = [];
    for (let n = 0; n < 40; n += 1) {
      const title = `${n} ${"x".repeat(megabyte)}`;
      const params = { prompt: "x", autoRun: false, title, cwd };
      made.push((await other.call("session/spawn", params)).session.id);
    }
    const lines = () => wire.daemon.log().split("\n");
    const line = await waitFor(
      () => lines().find((one) => one.includes("too slow")),
      "the client to be dropped",
    );
    client.readOn();
    await client.ended;
    const { level, msg, why } = JSON.parse(line) as Record<string, unknown>;
    deepEqual([level, msg], [40, "a client was too slow and is dropped"]);
    match(String(why), /has not read \d+ bytes/);
    const changed = (one: RawClient) =>
      one.of("session/changed").map((params) => params.session.id);
    const ofMade = (one: RawClient) => changed(one).filter((id) => made.includes(id));
    await waitFor(() => ofMade(other).length === made.length, "the changes");
    deepEqual(ofMade(other), made);
    // A front joins again for its client, which misses nothing.
    front.readOn();
    await waitFor(() => made.every((id) => changed(front).includes(id)), "all sessions");
    equal((await front.ask("daemon/status")).error, undefined);
  });
});
