import { deepEqual, equal, ok } from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { gate, refusal, sessionOf, storedEvents, until, words } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

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
      sessions.map((session) => [
        session.status,
        session.depth,
        "result" in session && session.result,
      ]),
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
    const id = await client.shell(`child=$(offshoot spawn -- "${at.wait}"); offshoot wait $child`);
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

  it("goes on when it gives up waiting, although its child has the slot", async () => {
    const [child, held] = [gate(daemon.work), gate(daemon.work)];
    const id = await client.shell(
      `child=$(offshoot spawn -- "${child.wait}"); offshoot wait $child & waiting=$!; ` +
        `while ! [ -e given-up ]; do sleep 0.02; done; kill -KILL $waiting; ${held.wait}`,
    );
    await child.reached();
    await until(client, id, "suspended");
    writeFileSync(`${daemon.work}/given-up`, "");
    await held.reached();
    await until(client, id, "running");
    equal((await client.call("daemon/status", {})).running, 2);
    held.open();
    equal((await client.completion(id)).status, "completed");
    child.open();
    const { sessions } = await client.call("session/list", { parentId: id });
    equal((await client.completion(sessions[0]?.id ?? "")).status, "completed");
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
    const at = gate(daemon.work);
    const quiet = `${daemon.work}/quiet`;
    const id = await client.shell(
      `(while :; do [ -e ${quiet} ] || echo tick; sleep 0.05; done) & ` +
        `offshoot wait $(offshoot spawn -- "${at.wait}"); kill $!`,
      { limits: { idleTimeoutMs: 1_500 } },
    );
    await at.reached();
    const { suspendedAt } = await until(client, id, "suspended");
    writeFileSync(quiet, "");
    await waitFor(() => Date.now() - suspendedAt > 2_000, "more than its idle time");
    rmSync(quiet);
    at.open();
    equal((await client.completion(id)).status, "completed");
  });

  it("is told when it would wait for itself, since that would never end", async () => {
    const at = gate(daemon.work);
    const top = await client.shell("true", { autoRun: false });
    const id = await client.shell(at.wait, { parentId: top });
    await at.reached();
    const { runId } = await until(client, id, "running");
    const inside = await daemon.client({ subscribe: "nothing", run: { sessionId: id, runId } });
    for (const sessionId of [id, top]) {
      equal((await refusal(inside.call("session/wait", { sessionIds: [sessionId] }))).code, 1003);
    }
    await inside.close();
    at.open();
    equal((await client.completion(id)).status, "completed");
    deepEqual(await moves(id), []);
  });

  it("can ask without waiting, and stays running", async () => {
    const at = gate(daemon.work);
    const id = await client.shell(`offshoot spawn -- true >/dev/null; ${at.wait}`);
    await at.reached();
    const { runId } = await until(client, id, "running");
    const { sessions } = await client.call("session/list", { parentId: id });
    const pending = sessions.map((session) => session.id);
    const inside = await daemon.client({ subscribe: "nothing", run: { sessionId: id, runId } });
    deepEqual(await inside.call("session/wait", { sessionIds: pending, timeoutMs: 0 }), {
      completions: [],
      pending,
      timedOut: true,
    });
    await inside.close();
    equal((await sessionOf(client, id)).status, "running");
    at.open();
    equal((await client.completion(id)).status, "completed");
    deepEqual(await moves(id), []);
    await client.completion(pending[0] ?? "");
  });

  it("says what it still waits for when one of its waits is over", async () => {
    const at = gate(daemon.work);
    const id = await client.shell(at.wait);
    await at.reached();
    const { runId } = await until(client, id, "running");
    const inside = await daemon.client({ subscribe: "nothing", run: { sessionId: id, runId } });
    const held = gate(daemon.work);
    const commands = ["true", held.wait];
    const [quick = "", slow = ""] = await Promise.all(
      commands.map((prompt) => client.shell(prompt, { parentId: id })),
    );
    const slowly = inside.call("session/wait", { sessionIds: [slow] });
    await until(client, id, "suspended");
    await inside.call("session/wait", { sessionIds: [quick] });
    const { waitingFor } = await until(client, id, "suspended");
    deepEqual(waitingFor, { kind: "children", ids: [slow] });
    await held.reached();
    held.open();
    await slowly;
    await until(client, id, "running");
    await inside.close();
    at.open();
    equal((await client.completion(id)).status, "completed");
    deepEqual(await moves(id), slept);
  });
});
