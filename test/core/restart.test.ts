import { deepEqual, equal, ok } from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../../protocol/config.ts";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import {
  endedInOrder,
  gate,
  outcome,
  processesOf,
  sessionOf,
  until,
  words,
} from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

const oneSlot: Config = { concurrency: { total: 1, perRoot: 1 } };

describe("after the core died", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  beforeEach(async () => {
    daemon = startDaemon(oneSlot);
    client = await daemon.client();
  });
  afterEach(() => daemon.stop());

  /** kill -9, and a client of the next core that hears everything from the beginning. */
  async function died(): Promise<TestClient> {
    await daemon.corePid();
    await client.crash();
    await daemon.killCore();
    return await comingBack();
  }

  async function comingBack(): Promise<TestClient> {
    const next = await daemon.client({ subscribe: "nothing" });
    await next.call("tree/subscribe", { events: "all", afterCompletion: 0 });
    return next;
  }

  const hostRestart = ["interrupted", "aborted", "Interrupted: the core ended while this ran"];

  it("a live run is interrupted once, and its processes are gone before anybody is answered", async () => {
    const held = gate(daemon.work);
    const id = await client.shell(`echo one; (trap '' TERM; setsid sleep 1000) & ${held.wait}`);
    await held.reached();
    await waitFor(() => words(client, id).includes("output"), "its first line");
    const { runId } = await until(client, id, "running");
    ok(processesOf(runId).length > 0);
    client = await died();
    deepEqual(processesOf(runId), []);
    const completion = await client.completion(id);
    deepEqual(outcome(completion), hostRestart);
    deepEqual([completion.reason, completion.runId], ["host_restart", runId]);
    equal((await sessionOf(client, id)).status, "interrupted");
    client = await died();
    await client.completion(id);
    equal(endedInOrder(client).length, 1, "once, also after another restart");
    equal(client.of("subAgent/completed")[0]?.completionSeq, 1);
  });

  it("what it had said is kept, and its numbers go on without a gap", async () => {
    const held = gate(daemon.work);
    const id = await client.shell(`for i in 1 2 3; do echo $i; done; ${held.wait}`);
    await held.reached();
    const texts = () =>
      client.of("subAgent/event").map(({ event }) => "text" in event && event.text);
    await waitFor(() => texts().join("") === "1\n2\n3\n", "three lines", { describe: texts });
    client = await died();
    held.open();
    await client.call("session/send", { sessionId: id, text: "echo again" });
    await client.completion(id, 2);
    const { events, lastSeq } = await client.call("session/events", { sessionId: id });
    deepEqual(
      events.map(({ seq }) => seq),
      [...events.keys()].map((place) => place + 1),
    );
    equal(lastSeq, events.length);
  });

  it("queued ones run in their order, and paused and created ones stay so", async () => {
    const held = gate(daemon.work);
    const busy = await client.shell(held.wait);
    await held.reached();
    const normal = await client.shell("echo normal");
    const low = await client.shell("echo low", { priority: -1 });
    const high = await client.shell("echo high", { priority: 1 });
    const paused = await client.shell("echo paused");
    await client.call("session/pause", { sessionId: paused });
    const created = await client.shell("echo created", { autoRun: false });
    client = await died();
    for (const id of [high, normal, low]) {
      equal((await client.completion(id)).status, "completed");
    }
    deepEqual(endedInOrder(client), [busy, high, normal, low]);
    equal((await sessionOf(client, paused)).status, "paused");
    equal((await sessionOf(client, created)).status, "created");
    await client.call("session/resume", { sessionId: paused });
    equal((await client.completion(paused)).result, "paused\n");
  });

  it("a run is queued again where its agent wants that, and was started only once", async () => {
    const held = gate(daemon.work);
    writeFileSync(join(daemon.work, "script"), `echo x; ${held.wait}; echo done $OFFSHOOT_RUN`);
    daemon.configure({
      ...oneSlot,
      agents: [
        {
          name: "again",
          runner: { kind: "command", command: "/bin/sh", args: ["script"] },
          onHostRestart: "resume",
        },
      ],
    });
    const id = await client.shell("go", { agent: "again" });
    await held.reached();
    const before = await until(client, id, "running");
    const first = words(client, id);
    client = await died();
    await held.reached(2);
    const again = await until(client, id, "running");
    deepEqual([again.runId, again.attempt], [before.runId, before.attempt + 1]);
    held.open();
    const completion = await client.completion(id);
    deepEqual([completion.status, completion.runId], ["completed", before.runId]);
    equal(completion.result, `x\ndone ${before.runId}\n`);
    ok(first.includes("started"));
    ok(!words(client, id).includes("started"));
    equal(endedInOrder(client).length, 1);
  });

  it("a run that had ended by itself keeps its end, and messages that came later get a run", async () => {
    daemon.configure({ ...oneSlot, cancel: { termAfterMs: 100, killAfterMs: 60_000 } });
    const held = gate(daemon.work);
    const id = await client.shell(`(trap '' TERM; setsid sleep 1000) & ${held.wait}; echo done`);
    await held.reached();
    await client.call("session/send", { sessionId: id, text: "echo next" });
    held.open();
    await waitFor(() => words(client, id).includes("note"), "the note about its leftover");
    daemon.configure(oneSlot);
    client = await died();
    const completion = await client.completion(id);
    deepEqual([completion.status, completion.result], ["completed", "done\n"]);
    const next = await client.completion(id, 2);
    deepEqual([next.status, next.result], ["completed", "next\n"]);
  });

  it("children that waited with their parent have a true end too", async () => {
    const held = gate(daemon.work);
    const id = await client.shell(`offshoot wait $(offshoot spawn -- "${held.wait}")`);
    await held.reached();
    await until(client, id, "suspended");
    client = await died();
    deepEqual(outcome(await client.completion(id)), hostRestart);
    const { sessions } = await client.call("session/list", { parentId: id });
    deepEqual(outcome(await client.completion(sessions[0]?.id ?? "")), hostRestart);
    const { running, suspended } = await client.call("daemon/status", {});
    deepEqual([running, suspended], [0, 0]);
  });

  it("what was cancelled never runs, although its end was not stored yet", async () => {
    const held = gate(daemon.work);
    writeFileSync(join(daemon.work, "script"), held.wait);
    daemon.configure({
      ...oneSlot,
      agents: [
        {
          name: "again",
          runner: { kind: "command", command: "/bin/sh", args: ["script"] },
          onHostRestart: "resume",
        },
      ],
    });
    const busy = await client.shell("go", { agent: "again" });
    await held.reached();
    const { rootId } = await sessionOf(client, busy);
    const ran = join(daemon.work, "ran");
    const idle = { autoRun: false };
    const waiting = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        client.shell(`echo ${n} >> ${ran}`, n % 10 === 0 ? idle : {}),
      ),
    );
    await client.call("session/pause", { sessionId: waiting[1] ?? "" });
    const pid = await daemon.corePid();
    // Killed in the same breath in which the answer arrives.
    await client.call("session/cancel", { sessionId: rootId, reason: "enough" }).then(() => {
      process.kill(pid, "SIGKILL");
    });
    await client.crash();
    client = await comingBack();
    for (const id of [busy, ...waiting]) {
      const completion = await client.completion(id);
      deepEqual([completion.status, completion.reason], ["cancelled", "enough"]);
    }
    equal(existsSync(ran), false);
    equal(endedInOrder(client).length, 101);
    // The root is free again.
    const next = await client.shell("echo next");
    equal((await client.completion(next)).result, "next\n");
  });

  it("the same request key still answers with the same session", async () => {
    const spawn = () => client.shell("echo once", { requestKey: "the key", autoRun: false });
    const ids = await Promise.all([spawn(), spawn(), spawn()]);
    ids.push(await spawn());
    client = await died();
    ids.push(await spawn());
    equal(new Set(ids).size, 1);
    await client.call("session/delete", { sessionId: ids[0] ?? "" });
    const other = await spawn();
    ok(other !== ids[0], "what was deleted cannot be answered with");
  });
});
