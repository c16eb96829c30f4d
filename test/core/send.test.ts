import { deepEqual, equal } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { gate, outcome, refusal, sessionOf, until, words } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

describe("sending", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  before(async () => {
    daemon = startDaemon({
      concurrency: { total: 2, perRoot: 2 },
      agents: [
        // Says its prompt, waits where it is told to, and takes its time to end.
        {
          name: "echo",
          runner: {
            kind: "command",
            command: "/bin/sh",
            args: ["-c", 'trap "" TERM; cat; eval "$(cat gate.sh)"'],
            promptVia: "stdin",
          },
        },
      ],
    });
    client = await daemon.client();
  });
  after(() => daemon.stop());

  async function send(sessionId: string, text: string, interrupt = false): Promise<string> {
    const more = interrupt ? { interrupt } : {};
    return (await client.call("session/send", { sessionId, text, ...more })).delivery;
  }

  /** A live run of `echo` that waits at a gate of its own. */
  async function echoing(prompt: string) {
    const held = gate(daemon.work);
    writeFileSync(`${daemon.work}/gate.sh`, held.wait);
    const id = await client.shell(prompt, { agent: "echo" });
    await held.reached();
    writeFileSync(`${daemon.work}/gate.sh`, "true");
    return { id, held };
  }

  async function answers(sessionId: string): Promise<string[]> {
    const { messages } = await client.call("session/messages", { sessionId });
    return messages.map(({ role, text }) => `${role}: ${text}`);
  }

  it("starts a session that was only created, with all of its messages", async () => {
    const id = await client.shell("one", { agent: "echo", autoRun: false });
    equal((await sessionOf(client, id)).status, "created");
    equal(await send(id, "two"), "run");
    equal((await client.completion(id)).result, "one\n\ntwo");
  });

  it("starts a new run of a session that has ended, on the new text only", async () => {
    const id = await client.shell("one", { agent: "echo" });
    const first = await client.completion(id);
    equal(await send(id, "two"), "run");
    const second = await client.completion(id, 2);
    equal(second.result, "two");
    equal(second.runId === first.runId, false);
    deepEqual(await answers(id), ["user: one", "assistant: one", "user: two", "assistant: two"]);
  });

  it("keeps a message for a queued run, which reads it with the others", async () => {
    const busy = [await echoing("busy"), await echoing("busy")];
    const id = await client.shell("one", { agent: "echo" });
    equal((await sessionOf(client, id)).status, "queued");
    equal(await send(id, "two"), "queued");
    for (const { held } of busy) held.open();
    equal((await client.completion(id)).result, "one\n\ntwo");
    for (const busyOne of busy) await client.completion(busyOne.id);
    deepEqual(words(client, id).filter((word) => word === "completed").length, 1);
  });

  it("keeps a message for a paused run, which stays paused", async () => {
    const busy = [await echoing("busy"), await echoing("busy")];
    const id = await client.shell("one", { agent: "echo" });
    await client.call("session/pause", { sessionId: id });
    for (const { held } of busy) held.open();
    for (const busyOne of busy) await client.completion(busyOne.id);
    equal(await send(id, "two"), "queued");
    equal((await sessionOf(client, id)).status, "paused");
    await client.call("session/resume", { sessionId: id });
    equal((await client.completion(id)).result, "one\n\ntwo");
  });

  it("keeps what a program cannot be told, and queues a fresh run for it by itself", async () => {
    const { id, held } = await echoing("one");
    equal(await send(id, "two"), "queued");
    equal(await send(id, "three"), "queued");
    held.open();
    const first = await client.completion(id);
    equal(first.result, "one");
    const second = await client.completion(id, 2);
    equal(second.result, "two\n\nthree");
    await until(client, id, "completed");
    deepEqual(await answers(id), [
      "user: one",
      "user: two",
      "user: three",
      "assistant: one",
      "assistant: two\n\nthree",
    ]);
    equal(words(client, id).filter((word) => word === "completed").length, 2);
  });

  it("can cancel the fresh run like any other", async () => {
    const { id, held } = await echoing("one");
    const again = gate(daemon.work);
    writeFileSync(`${daemon.work}/gate.sh`, again.wait);
    equal(await send(id, "two"), "queued");
    held.open();
    await again.reached();
    writeFileSync(`${daemon.work}/gate.sh`, "true");
    await client.call("session/cancel", { sessionId: id });
    deepEqual(outcome(await client.completion(id, 2)), [
      "cancelled",
      "aborted",
      "Cancelled by user",
    ]);
    equal(words(client, id).filter((word) => word === "completed").length, 2);
  });

  it("ends what runs when it is told to interrupt, and goes on with the message", async () => {
    const { id } = await echoing("one");
    equal(await send(id, "two", true), "queued");
    const first = await client.completion(id);
    deepEqual(outcome(first), ["cancelled", "aborted", "Cancelled by user"]);
    equal(first.reason, "interrupted by a message");
    // The first message was never answered.
    equal((await client.completion(id, 2)).result, "one\n\ntwo");
  });

  it("loses no message, however early it interrupts", async () => {
    for (let round = 0; round < 5; round += 1) {
      const id = await client.shell("one", { agent: "echo" });
      // A run that had answered the first message before it was interrupted, or had ended, is
      // followed by one that reads the second alone.
      await send(id, "two", true);
      const ends = ["one\n\ntwo", "two"];
      await waitFor(
        () =>
          client
            .of("subAgent/completed")
            .some((one) => one.childSessionId === id && ends.includes(one.result ?? "")),
        "the run that has read the second",
        { describe: () => words(client, id) },
      );
    }
  });

  it("starts a new run of a session that is just being cancelled", async () => {
    const { id } = await echoing("one");
    await client.call("session/cancel", { sessionId: id });
    equal(await send(id, "two"), "run");
    deepEqual(outcome(await client.completion(id))[0], "cancelled");
    equal((await client.completion(id, 2)).result, "one\n\ntwo");
  });

  it("leaves no message behind, whenever in a run's end it comes", async () => {
    for (let round = 0; round < 20; round += 1) {
      const id = await client.shell("one", { agent: "echo" });
      await waitFor(() => words(client, id).includes("output"), "its program to have spoken");
      const delivery = await send(id, "two");
      await waitFor(
        () =>
          client
            .of("subAgent/completed")
            .some((one) => one.childSessionId === id && one.result?.endsWith("two")),
        `the run that has read a message delivered as ${delivery}`,
        { describe: () => words(client, id) },
      );
    }
  });

  it("refuses roots and what it does not know", async () => {
    const { session } = await client.call("session/create", { cwd: daemon.work });
    equal((await refusal(send(session.id, "hello"))).code, 1011);
    equal((await refusal(send("nobody", "hello"))).code, 1001);
    equal((await refusal(client.call("session/run", { sessionId: session.id }))).code, 1011);
    equal((await refusal(client.call("session/run", { sessionId: "nobody" }))).code, 1001);
  });
});
