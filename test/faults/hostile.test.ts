/** Agents and clients that mean no good, or do as if. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ResponseError } from "vscode-jsonrpc";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { processesOf } from "../support/faultProcesses.ts";
import { checkLeaks } from "../support/leaks.ts";
import { waitFor } from "../support/waitFor.ts";

describe("a hostile agent", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  const marked = () => processesOf(daemon.folder).marked();
  before(async () => {
    daemon = startDaemon();
    client = await daemon.client({ subscribe: "lifecycle" });
  });
  after(() => daemon.stop());

  /** Cancels it; nothing of it may be left when its end is told. */
  async function checkCancel(sessionId: string): Promise<void> {
    await client.call("session/cancel", { sessionId });
    const { status, error } = await client.completion(sessionId);
    deepEqual([status, error?.message], ["cancelled", "Cancelled by user"]);
    deepEqual(marked(), []);
  }

  it("that is 50 processes in sessions of their own, deaf to TERM, is ended whole", async () => {
    const id = await client.shell(
      "trap '' TERM; for i in $(seq 25); do setsid sh -c 'sleep 300 & sleep 300' & done; sleep 300",
    );
    await waitFor(() => marked().length >= 50, "the processes", { describe: marked });
    await checkCancel(id);
  });

  it("whose processes hand over to new ones all the time is ended whole", async () => {
    // Each starts one other and exits, so there are never many, and it ends by itself in the end:
    // one that doubles could take the machine with it.
    const id = await client.shell(
      "trap '' TERM; f() { [ $1 -gt 0 ] || return; sleep 0.01; f $(($1 - 1)) & }; " +
        "for i in 1 2 3 4 5; do f 2000 & done; sleep 300",
      { limits: { timeoutMs: 700 } },
    );
    const { status } = await client.completion(id);
    equal(status, "timeout");
    deepEqual(marked(), []);
  });

  it("that ignores TERM and talks on is killed", async () => {
    const id = await client.shell("trap 'echo no' TERM; while :; do echo here; sleep 0.01; done");
    const isTalking = async () => (await client.call("session/get", { sessionId: id })).session;
    await waitFor(async () => (await isTalking()).lastSeq > 5, "it to talk");
    await checkCancel(id);
  });

  it("that closes its streams and lives on runs until it exits", async () => {
    const go = join(daemon.work, "go");
    const id = await client.shell(
      `echo last words; exec >&- 2>&- </dev/null; until [ -e ${go} ]; do sleep 0.02; done; exit 5`,
    );
    const beats = () =>
      client.of("subAgent/heartbeat").filter(({ childSessionId }) => childSessionId === id).length;
    await waitFor(() => beats() >= 4, "heartbeats of the silent run");
    equal((await client.call("session/get", { sessionId: id })).session.status, "running");
    writeFileSync(go, "");
    const { status, error, result } = await client.completion(id);
    deepEqual([status, error?.exitCode, result], ["error", 5, "last words\n"]);
  });

  it("that prints 200 MB as one line costs bounded memory and holds up nobody", async () => {
    const { pid } = await client.call("daemon/status", {});
    const bytes = 200_000_000;
    const id = await client.shell(`head -c ${bytes} /dev/zero | tr '\\0' x`);
    let trips = 0;
    const isOver = () =>
      client.of("subAgent/completed").some(({ childSessionId }) => childSessionId === id);
    while (!isOver()) {
      await client.call("session/get", { sessionId: id });
      trips += 1;
    }
    const { status, result } = await client.completion(id);
    deepEqual([status, result], ["completed", "x".repeat(16 * 1024)]);
    ok(trips > 50, `only ${trips} requests were answered meanwhile`);
    const memory = await readFile(`/proc/${pid}/status`, "utf8");
    const peakMb = Number(/VmHWM:\s+(\d+)/.exec(memory)?.[1]) / 1000;
    ok(peakMb < 400, `the core took ${peakMb} MB`);

    let length = 0;
    for (let after = 0; ;) {
      const page = await client.call("session/events", { sessionId: id, after, limit: 200 });
      for (const { event } of page.events) if (event.type === "output") length += event.text.length;
      after = page.events.at(-1)?.seq ?? page.lastSeq;
      if (after === page.lastSeq) break;
    }
    equal(length, bytes);
  });
});

describe("very much at once", () => {
  checkLeaks();
  let daemon: TestDaemon;
  const marked = () => processesOf(daemon.folder).marked();

  beforeEach(() => {
    daemon = startDaemon({
      concurrency: { total: 300, perRoot: 300 },
      queue: { perRoot: 4_000, total: 5_000 },
    });
  });
  afterEach(() => daemon.stop());

  it("300 quick runs each come to their own end", async () => {
    const client = await daemon.client({ subscribe: "lifecycle" });
    const numbers = Array.from({ length: 300 }, (_, number) => number);
    const ids = await Promise.all(numbers.map((number) => client.shell(`echo ${number}`)));
    const { completions } = await client.call("session/wait", { sessionIds: ids });
    deepEqual(
      completions.map(({ status, result }) => [status, result]),
      numbers.map((number) => ["completed", `${number}\n`]),
    );
    const told = () => client.of("subAgent/completed").map(({ completionSeq }) => completionSeq);
    await waitFor(() => told().length === ids.length, "all ends to be told");
    deepEqual(
      told(),
      numbers.map((number) => number + 1),
    );
    deepEqual(marked(), []);
  });

  it("a storm of 3,000 spawns is answered whole, and another client is heard meanwhile", async () => {
    daemon.configure({ concurrency: { total: 1 }, queue: { perRoot: 2_000, total: 5_000 } });
    const stormy = await daemon.client({ subscribe: "nothing" });
    const calm = await daemon.client({ subscribe: "nothing" });
    const { session: root } = await calm.call("session/create", { cwd: daemon.work });
    const running = await stormy.shell("sleep 300", { parentId: root.id });
    await waitFor(
      async () =>
        (await calm.call("session/get", { sessionId: running })).session.status === "running",
      "the only slot to be taken",
    );

    let answered = 0;
    const storm = Promise.all(
      Array.from({ length: 3_000 }, async () => {
        const reply = await stormy
          .shell("sleep 300", { parentId: root.id })
          .catch((error: unknown) => error);
        answered += 1;
        return reply;
      }),
    );
    let trips = 0;
    while (answered < 3_000) {
      await calm.call("session/get", { sessionId: root.id });
      trips += 1;
    }
    const replies = await storm;
    ok(trips > 20, `only ${trips} requests of the other client were answered meanwhile`);
    const refused = replies.filter((reply) => reply instanceof ResponseError);
    equal(refused.length, 1_000);
    const [first] = refused as ResponseError<object>[];
    deepEqual(
      [first?.code, first?.data],
      [1007, { kind: "overloaded", queued: 2_000, max: 2_000, retryAfterMs: 1_000 }],
    );
    const status = await calm.call("daemon/status", {});
    deepEqual([status.queued, status.running], [2_000, 1]);
  });
});
