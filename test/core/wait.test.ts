import { deepEqual, equal, ok } from "node:assert/strict";
import { CancellationTokenSource } from "vscode-jsonrpc";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { gate, refusal, sessionOf, storedEvents, until, words } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";
import type { ParamsOf } from "../../protocol/messages.ts";

describe("waiting", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  before(async () => {
    daemon = startDaemon({ concurrency: { total: 6, perRoot: 6 } });
    client = await daemon.client();
  });
  after(() => daemon.stop());

  async function held(command = "true") {
    const at = gate(daemon.work);
    const id = await client.shell(`${at.wait}; ${command}`);
    return { id, open: () => at.open() };
  }

  async function wait(params: ParamsOf<"session/wait">) {
    const { completions, ...rest } = await client.call("session/wait", params);
    const ended = completions.map(({ childSessionId, status }) => [childSessionId, status]);
    return { ended, ...rest };
  }

  it("for all ends with the last, for any with the first", async () => {
    const [a, b] = [await held(), await held("exit 1")];
    const sessionIds = [a.id, b.id];
    const all = wait({ sessionIds });
    const any = wait({ sessionIds, until: "any" });
    b.open();
    deepEqual(await any, { ended: [[b.id, "error"]], pending: [a.id], timedOut: false });
    a.open();
    deepEqual(await all, {
      ended: [
        [a.id, "completed"],
        [b.id, "error"],
      ],
      pending: [],
      timedOut: false,
    });
  });

  it("for the first error ends with it", async () => {
    const [a, b, c] = [await held(), await held("exit 1"), await held()];
    const sessionIds = [a.id, b.id, c.id];
    const first = wait({ sessionIds, until: "firstError" });
    a.open();
    await client.completion(a.id);
    b.open();
    const answer = await first;
    deepEqual(answer.pending, [c.id]);
    deepEqual(answer.ended, [
      [a.id, "completed"],
      [b.id, "error"],
    ]);
    c.open();
    await client.completion(c.id);
  });

  it("ends with its time, and with 0 at once", async () => {
    const a = await held();
    const none = { ended: [], pending: [a.id], timedOut: true };
    deepEqual(await wait({ sessionIds: [a.id], timeoutMs: 0 }), none);
    deepEqual(await wait({ sessionIds: [a.id], timeoutMs: 30 }), none);
    a.open();
    const over = { ended: [[a.id, "completed"]], pending: [], timedOut: false };
    deepEqual(await wait({ sessionIds: [a.id] }), over);
    deepEqual(await wait({ sessionIds: [a.id], timeoutMs: 0 }), over);
  });

  it("is ended by $/cancelRequest", async () => {
    const a = await held();
    const source = new CancellationTokenSource();
    const waiting = client.connection.sendRequest(
      "session/wait",
      { sessionIds: [a.id] },
      source.token,
    );
    await sessionOf(client, a.id);
    source.cancel();
    equal((await refusal(waiting)).code, -32800);
    a.open();
    await client.completion(a.id);
  });

  it("answers with the completion as it was told", async () => {
    const id = await client.shell("echo hello");
    const { completions } = await client.call("session/wait", { sessionIds: [id] });
    deepEqual(completions, [await client.completion(id)]);
  });

  it("refuses roots and what it does not know", async () => {
    const { session } = await client.call("session/create", { cwd: daemon.work });
    equal((await refusal(wait({ sessionIds: [session.id] }))).code, 1011);
    equal((await refusal(wait({ sessionIds: ["nobody"] }))).code, 1001);
  });
});

/** With one slot in all, a parent that kept its slot while it waits would wait for ever. */
describe("a run that waits", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  before(async () => {
    daemon = startDaemon({ concurrency: { total: 1, perRoot: 1 } });
    client = await daemon.client();
  });
  after(() => daemon.stop());

  async function moves(sessionId: string): Promise<string[]> {
    const events = await storedEvents(client, sessionId);
    return events.flatMap((event) =>
      event.type === "status" ? [`${event.from} ${event.to} ${event.reason ?? ""}`.trim()] : [],
    );
  }

  const slept = ["running suspended children", "suspended running"];

  it("gives its slot to its child and is woken once", async () => {
    const id = await client.shell(
      "child=$(offshoot spawn -- 'echo from the child'); offshoot wait $child; echo parent $?",
    );
    const completion = await client.completion(id);
    equal(completion.status, "completed", JSON.stringify(completion));
    ok(completion.result?.endsWith("parent 0\n"), completion.result);
    const { sessions } = await client.call("session/list", { parentId: id });
    deepEqual(
      sessions.map((session) => [session.status, session.depth, "result" in session && session.result]),
      [["completed", 2, "from the child\n"]],
    );
    deepEqual(await moves(id), slept);
    const states = (await storedEvents(client, id)).flatMap((event) =>
      event.type === "child" ? [event.state] : [],
    );
    deepEqual(states, ["queued", "running", "completed"]);
  });

  it("is shown as suspended, for what and since when", async () => {
    const at = gate(daemon.work);
    const id = await client.shell(
      `child=$(offshoot spawn -- "${at.wait}"); offshoot wait $child`,
    );
    await at.reached();
    const shown = await until(client, id, "suspended");
    const { sessions } = await client.call("session/list", { parentId: id });
    deepEqual(shown.waitingFor, { kind: "children", ids: sessions.map((session) => session.id) });
    ok(shown.suspendedAt >= shown.startedAt);
    const { running, suspended } = await client.call("daemon/status", {});
    deepEqual({ running, suspended }, { running: 1, suspended: 1 });
    at.open();
    equal((await client.completion(id)).status, "completed");
  });

  it("may wait in several programs at once, at any depth", async () => {
    const grandchild = "offshoot wait $(offshoot spawn -- true)";
    const id = await client.shell(
      `a=$(offshoot spawn -- '${grandchild}'); b=$(offshoot spawn -- true); ` +
        "offshoot wait $a & one=$!; offshoot wait $b & two=$!; wait $one && wait $two && echo both",
    );
    const completion = await client.completion(id);
    ok(completion.result?.endsWith("both\n"), JSON.stringify(completion));
    deepEqual([...new Set(await moves(id))], slept);
    equal(words(client, id).filter((word) => word === "completed").length, 1);
  });

  it("goes on when its time is over, although its child has the slot", async () => {
    const at = gate(daemon.work);
    const id = await client.shell(
      `child=$(offshoot spawn -- "${at.wait}"); ` +
        "offshoot wait --timeout 1s $child; echo code $?; offshoot cancel $child",
    );
    const completion = await client.completion(id);
    ok(completion.result?.includes("code 124"), JSON.stringify(completion));
    const { sessions } = await client.call("session/list", { parentId: id });
    const [child] = sessions;
    equal((await client.completion(child?.id ?? "")).error?.message, "Cancelled by parent");
  });

  it("is ended with its child when it is cancelled while it waits", async () => {
    const at = gate(daemon.work);
    const id = await client.shell(`offshoot wait $(offshoot spawn -- "${at.wait}")`);
    await at.reached();
    await until(client, id, "suspended");
    await client.call("session/cancel", { sessionId: id });
    equal((await client.completion(id)).error?.message, "Cancelled by user");
    const { sessions } = await client.call("session/list", { parentId: id });
    deepEqual(
      sessions.map(({ status }) => status),
      ["cancelled"],
    );
    const next = await client.shell("true");
    equal((await client.completion(next)).status, "completed", "the slot is free again");
  });

  it("counts no time while it is suspended", async () => {
    const child = "for i in 1 2 3 4; do echo $i; sleep 0.5; done";
    const id = await client.shell(`offshoot wait $(offshoot spawn -- '${child}')`, {
      limits: { timeoutMs: 60_000, idleTimeoutMs: 1_500 },
    });
    equal((await client.completion(id)).status, "completed");
  });

  it("can be asked without waiting, and stays running", async () => {
    const at = gate(daemon.work);
    const id = await client.shell(
      `child=$(offshoot spawn -- true); offshoot wait --timeout 0s $child; ${at.wait}; offshoot wait $child`,
    );
    await at.reached();
    equal((await sessionOf(client, id)).status, "running");
    deepEqual(await moves(id), []);
    at.open();
    equal((await client.completion(id)).status, "completed");
    await waitFor(async () => (await moves(id)).length === 2, "one suspension");
  });
});
