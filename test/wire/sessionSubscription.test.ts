import { deepEqual, equal, ok } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RawClient } from "../support/rawClient.ts";
import { waitFor } from "../support/waitFor.ts";
import { seeded, upTo, wireSuite } from "../support/wire.ts";

/** A program that writes line by line; the lines are so long that nearly each becomes an event. */
const lines = (count: number, pause = "true") =>
  `x=$(head -c 900 /dev/zero | tr '\\0' x); i=0; while [ $i -lt ${count} ]; do ` +
  `i=$((i + 1)); echo $i $x; [ $((i % 9)) = 0 ] && ${pause}; done; true`;

describe("wire: session/subscribe", () => {
  const wire = wireSuite({ concurrency: { total: 20, perRoot: 20 } });

  async function opened(): Promise<RawClient> {
    const client = await wire.socket();
    await client.open();
    return client;
  }
  const shell = (prompt: string) => wire.client.shell(prompt);
  const over = (id: string) => wire.client.call("session/wait", { sessionIds: [id] });
  const lastSeqOf = async (id: string) =>
    (await wire.client.call("session/get", { sessionId: id })).session.lastSeq;
  /** Numbers of the events of a session that have come, from a place in what was received on. */
  const seqsOf = (client: RawClient, id: string, from = 0): number[] =>
    client.received
      .slice(from)
      .flatMap(({ method, params }) =>
        method === "subAgent/event" && params.childSessionId === id ? [params.seq] : [],
      );
  const between = (after: number, last: number) => upTo(last).slice(after);

  it("gives every event once and in order, from any number on, while they come: 20 seeds", async () => {
    const stop = join(wire.daemon.work, "stop");
    const endless = `i=0; until [ -e ${stop} ]; do i=$((i + 1)); echo $i; sleep 0.01; done`;
    const ids = await Promise.all(upTo(5).map(() => shell(endless)));
    for (const id of ids) await waitFor(async () => (await lastSeqOf(id)) > 5, "some events");
    const subscribed = upTo(20).map(async (seed) => {
      const random = seeded(seed);
      const id = ids[seed % ids.length] ?? "";
      const client = await opened();
      const idle = async () => {
        for (let n = Math.floor(random() * 40); n > 0; n -= 1) await client.call("daemon/status");
      };
      const tree = () => client.call("tree/subscribe", { events: "all" });
      await idle();
      if (random() < 0.4) await tree();
      await idle();
      const after = random() < 0.5 ? 0 : Math.floor(random() * ((await lastSeqOf(id)) + 3));
      const asked = await client.ask("session/subscribe", { sessionId: id, after });
      await idle();
      if (random() < 0.4) await tree();
      await idle();
      if (random() < 0.3) await client.call("tree/unsubscribe");
      return { seed, id, client, after, from: client.received.indexOf(asked) };
    });
    const all = await Promise.all(subscribed);
    writeFileSync(stop, "");
    await Promise.all(ids.map(over));
    for (const { seed, id, client, after, from } of all) {
      const wanted = between(after, await lastSeqOf(id));
      const came = () => seqsOf(client, id, from);
      await waitFor(() => came().length >= wanted.length, "the events", { describe: came });
      await client.call("daemon/status");
      deepEqual(came(), wanted, `seed ${seed}, after ${after}`);
      deepEqual(client.of("subAgent/gap"), []);
    }
  });

  it("answers with the number of the last event, and then sends the stored ones first", async () => {
    const id = await shell("echo one; echo two >&2; printf three");
    await over(id);
    const lastSeq = await lastSeqOf(id);
    for (const after of [undefined, 0, 1, lastSeq - 1, lastSeq, lastSeq + 10]) {
      const client = await opened();
      const params = { sessionId: id, ...(after !== undefined && { after }) };
      const answer = await client.ask("session/subscribe", params);
      deepEqual(answer.result, { lastSeq });
      const wanted = between(after ?? 0, lastSeq);
      await waitFor(() => seqsOf(client, id).length === wanted.length, "the events");
      deepEqual(seqsOf(client, id, client.received.indexOf(answer)), wanted);
      const { events } = await client.call("session/events", { sessionId: id, after: after ?? 0 });
      const { session } = await client.call("session/get", { sessionId: id });
      deepEqual(
        client.of("subAgent/event"),
        events.map(({ seq, runId, event }: { seq: number; runId: string; event: object }) => ({
          parentSessionId: session.parentId,
          childSessionId: id,
          runId,
          seq,
          event,
        })),
      );
    }
  });

  it("leaves out what the client says that it has, also what is still to come", async () => {
    const client = await opened();
    const id = await shell(lines(40, "sleep 0.05"));
    await waitFor(async () => (await lastSeqOf(id)) > 0, "the first event");
    const after = (await lastSeqOf(id)) + 15;
    await client.call("session/subscribe", { sessionId: id, after });
    await over(id);
    const last = await lastSeqOf(id);
    await waitFor(() => seqsOf(client, id).at(-1) === last, "the last event");
    deepEqual(seqsOf(client, id), between(after, last));
  });

  it("goes on over the runs of the session, with numbers that go on", async () => {
    const client = await opened();
    const id = await shell("echo first");
    await client.call("session/subscribe", { sessionId: id });
    await over(id);
    await wire.client.call("session/send", { sessionId: id, text: "echo second" });
    await over(id);
    const last = await lastSeqOf(id);
    await waitFor(() => seqsOf(client, id).length === last, "all events");
    deepEqual(seqsOf(client, id), upTo(last));
    equal(new Set(client.of("subAgent/event").map(({ runId }) => runId)).size, 2);
  });

  it("is about one session and its events, and about nothing else", async () => {
    const client = await opened();
    const [one, other] = await Promise.all([shell("sleep 0.1; echo one"), shell("echo other")]);
    await client.call("session/subscribe", { sessionId: one });
    await Promise.all([over(one), over(other)]);
    await waitFor(async () => seqsOf(client, one).length === (await lastSeqOf(one)), "the events");
    await client.call("daemon/status");
    const methods = new Set(client.notifications().map(({ method }) => method));
    deepEqual([...methods], ["subAgent/event"]);
    deepEqual(seqsOf(client, other), []);
  });

  it("neither delays nor loses what a tree says meanwhile, however much is sent again", async () => {
    const long = await shell(lines(4000));
    await over(long);
    const last = await lastSeqOf(long);
    ok(last > 2000, `${last} events`);
    const client = await opened();
    await client.call("tree/subscribe", { events: "all" });
    const others = await Promise.all(upTo(4).map(() => shell(lines(200))));
    await client.call("session/subscribe", { sessionId: long });
    await Promise.all(others.map(over));
    const isThere = (id: string) =>
      client.of("subAgent/completed").some(({ childSessionId }) => childSessionId === id);
    await waitFor(() => others.every(isThere), "the others' completions");
    await waitFor(() => seqsOf(client, long).length === last, "the long history");
    deepEqual(seqsOf(client, long), upTo(last));
    for (const id of others) deepEqual(seqsOf(client, id), upTo(await lastSeqOf(id)));
    deepEqual(client.of("subAgent/gap"), []);
  });

  it("ends with session/unsubscribe, also in the middle of what is sent again", async () => {
    const long = await shell(lines(4000));
    await over(long);
    const client = await opened();
    for (let round = 0; round < 30; round += 1) {
      void client.ask("session/subscribe", { sessionId: long });
      // Somewhere between the request and its end, also while rows are being read.
      for (let n = 0; n < round % 5; n += 1) await client.call("daemon/status");
      const ended = await client.ask("session/unsubscribe", { sessionId: long });
      for (let n = 0; n < 5; n += 1) await client.call("daemon/status");
      deepEqual(seqsOf(client, long, client.received.indexOf(ended)), [], `round ${round}`);
    }
    const live = await shell("for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.02; done");
    await client.call("session/subscribe", { sessionId: live });
    await waitFor(() => seqsOf(client, live).length > 2, "some events");
    const answer = await client.ask("session/unsubscribe", { sessionId: live });
    await over(live);
    await client.call("daemon/status");
    deepEqual(seqsOf(client, live, client.received.indexOf(answer)), []);
  });

  it("starts anew where it is asked for again, in place of the earlier one", async () => {
    const long = await shell(lines(3000));
    await over(long);
    const last = await lastSeqOf(long);
    const client = await opened();
    const middle = Math.floor(last / 2);
    void client.ask("session/subscribe", { sessionId: long, after: middle });
    const again = await client.ask("session/subscribe", { sessionId: long, after: 0 });
    const from = () => client.received.indexOf(again);
    await waitFor(() => seqsOf(client, long, from()).length >= last, "all events");
    await client.call("daemon/status");
    deepEqual(seqsOf(client, long, from()), upTo(last));
  });

  it("leaves to the tree what the tree wants too, without a gap or a repeat", async () => {
    const client = await opened();
    await client.call("tree/subscribe", { events: "all" });
    const id = await shell("for i in $(seq 40); do echo $i; sleep 0.005; done");
    for (let n = 0; n < 12; n += 1) {
      const after = seqsOf(client, id).at(-1) ?? 0;
      const lastSeq = await lastSeqOf(id);
      if (lastSeq > after) continue;
      await client.call("session/subscribe", { sessionId: id, after });
      await client.call("session/unsubscribe", { sessionId: id });
    }
    await over(id);
    const last = await lastSeqOf(id);
    await waitFor(() => seqsOf(client, id).at(-1) === last, "the last event");
    deepEqual([...new Set(seqsOf(client, id))], upTo(last));
  });

  it("of a session that is deleted just ends", async () => {
    const client = await opened();
    const id = await shell("while :; do echo x; sleep 0.01; done");
    await client.call("session/subscribe", { sessionId: id });
    await waitFor(() => seqsOf(client, id).length > 3, "some events");
    await wire.client.call("session/delete", { sessionId: id });
    equal((await client.ask("session/subscribe", { sessionId: id })).error?.code, 1001);
    deepEqual(await client.call("session/unsubscribe", { sessionId: id }), {});
    const came = seqsOf(client, id);
    deepEqual(came, upTo(came.length));
    deepEqual(client.of("subAgent/gap"), []);
  });
});
