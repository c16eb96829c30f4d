import { deepEqual, equal, ok } from "node:assert/strict";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { gate, outcome, sessionOf, storedEvents, toldSeqs, until, words } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

describe("the life of a run", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  before(async () => {
    daemon = startDaemon({ concurrency: { total: 6, perRoot: 6 } });
    client = await daemon.client();
  });
  after(() => daemon.stop());

  it("starts once, tells every event in order, and completes once", async () => {
    const id = await client.shell("echo one; echo two; echo three >&2; echo four");
    const completion = await client.completion(id);
    equal(completion.status, "completed");
    equal(completion.result, "one\ntwo\nfour\n");
    const said = words(client, id);
    equal(said[0], "started");
    equal(said.at(-1), "completed");
    equal(said.filter((word) => word === "started").length, 1);
    equal(said.filter((word) => word === "completed").length, 1);
    const seqs = toldSeqs(client, id);
    deepEqual(
      seqs,
      [...seqs.keys()].map((place) => place + 1),
    );
  });

  it("answers the spawn when it is stored and queued, before anything is told of it", async () => {
    const before = client.received.length;
    const { session } = await client.call("session/spawn", {
      prompt:
        "  \n echo a very long first line that goes on beyond what a title may have, a hundred\n",
      cwd: daemon.work,
    });
    equal(session.status, "queued");
    equal(session.version, 1);
    equal(session.title, "echo a very long first line that goes on beyond what a titl…");
    equal(session.depth, 1);
    const early = client.received
      .slice(0, before)
      .filter(({ params }) => JSON.stringify(params).includes(session.id));
    deepEqual(early, []);
    await client.completion(session.id);
  });

  it("beats at once and while it lives, and progress is another fact than life", async () => {
    const held = gate(daemon.work);
    const id = await client.shell(`echo first; ${held.wait}; echo last`);
    await held.reached();
    const beats = () =>
      client.of("subAgent/heartbeat").filter(({ childSessionId }) => childSessionId === id);
    await waitFor(() => beats().length >= 4, "four heartbeats", { describe: beats });
    const shown = await until(client, id, "running");
    ok(shown.lastHeartbeatAt > shown.lastProgressAt);
    const progress = new Set(
      beats()
        .slice(1)
        .map(({ lastProgressAt }) => lastProgressAt),
    );
    equal(progress.size, 1, "no event, no progress");
    equal(shown.activity?.kind, "process");
    held.open();
    await client.completion(id);
    const said = words(client, id);
    deepEqual(said.slice(0, 2), ["started", "heartbeat"]);
    equal(said.at(-1), "completed");
    const told = beats().length;
    await client.completion(await client.shell("sleep 0.3"));
    equal(beats().length, told, "no heartbeat after the end");
  });

  it("numbers the events of all runs of a session without a gap", async () => {
    const id = await client.shell("echo one; echo two");
    await client.completion(id);
    for (const [nth, text] of ["echo three", "echo four; echo five"].entries()) {
      deepEqual(await client.call("session/send", { sessionId: id, text }), { delivery: "run" });
      await client.completion(id, nth + 2);
    }
    const seqs = toldSeqs(client, id);
    ok(seqs.length >= 5);
    deepEqual(
      seqs,
      [...seqs.keys()].map((place) => place + 1),
    );
    const session = await sessionOf(client, id);
    equal(session.lastSeq, seqs.length);
    const { events } = await client.call("session/events", { sessionId: id, limit: 1000 });
    deepEqual(
      events.map(({ seq }) => seq),
      seqs,
    );
    equal(new Set(events.map(({ runId }) => runId)).size, 3);
    const said = words(client, id).filter((word) => word === "started" || word === "completed");
    deepEqual(
      said,
      [1, 2, 3].flatMap(() => ["started", "completed"]),
    );
  });

  it("makes the result an answer, so that a second run without a message is skipped", async () => {
    const id = await client.shell("echo the answer");
    const first = await client.completion(id);
    const { session } = await client.call("session/run", { sessionId: id });
    equal(session.status, "queued");
    const second = await client.completion(id, 2);
    deepEqual(outcome(second), ["skipped", "invalid_request", "No pending message to execute"]);
    ok(second.runId !== first.runId);
    equal(words(client, id).filter((word) => word === "started").length, 1, "it never started");
    equal((await sessionOf(client, id)).status, "skipped");
    const { messages } = await client.call("session/messages", { sessionId: id });
    deepEqual(
      messages.map(({ role, text, runId }) => ({ role, text, runId })),
      [
        { role: "user", text: "echo the answer", runId: undefined },
        { role: "assistant", text: "the answer\n", runId: first.runId },
      ],
    );
  });

  it("keeps what has not been answered for the next run", async () => {
    const id = await client.shell("echo half; exit 3");
    deepEqual(outcome(await client.completion(id)).slice(0, 2), ["error", "exit_nonzero"]);
    await client.call("session/run", { sessionId: id });
    const again = await client.completion(id, 2);
    deepEqual(again.error?.exitCode, 3);
    equal(again.result, "half\n");
    equal(again.attempt, 1);
  });

  it("refuses a second job for a live session and changes nothing", async () => {
    const held = gate(daemon.work);
    const id = await client.shell(held.wait);
    await held.reached();
    const before = await until(client, id, "running");
    const refused = await client.call("session/run", { sessionId: id }).catch((error) => error);
    deepEqual([refused.code, refused.data], [1003, { kind: "invalidState", status: "running" }]);
    const after = await until(client, id, "running");
    deepEqual([after.version, after.runId], [before.version, before.runId]);
    held.open();
    equal((await client.completion(id)).status, "completed");
  });

  it("stores before it tells: what was told can be read back as it was told", async () => {
    const id = await client.shell("echo stored");
    const completion = await client.completion(id);
    const session = await sessionOf(client, id);
    deepEqual(
      { status: session.status, stored: "stored" in session && session.stored },
      { status: "completed", stored: true },
    );
    const told = client
      .of("subAgent/event")
      .flatMap(({ childSessionId, event }) => (childSessionId === id ? [event] : []));
    deepEqual(await storedEvents(client, id), told);
    const changes = client
      .of("session/changed")
      .flatMap((change) => (change.session.id === id ? [change.session] : []));
    const versions = changes.map(({ version }) => version);
    deepEqual(
      versions,
      [...versions].sort((a, b) => a - b),
    );
    equal(changes.at(-1)?.version, session.version);
    equal(completion.stored, true);
  });

  it("gives every completion the next number of the whole store", async () => {
    const ids = await Promise.all(
      ["true", "false", "true"].map((command) => client.shell(command)),
    );
    await Promise.all(ids.map((id) => client.completion(id)));
    const seqs = client.of("subAgent/completed").map(({ completionSeq }) => completionSeq);
    deepEqual(
      seqs,
      [...seqs.keys()].map((place) => place + 1),
    );
  });
});
