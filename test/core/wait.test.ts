import { deepEqual, equal } from "node:assert/strict";
import { CancellationTokenSource } from "vscode-jsonrpc";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { gate, refusal, sessionOf } from "../support/runs.ts";
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
