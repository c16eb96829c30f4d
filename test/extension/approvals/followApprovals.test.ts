/** The extension's approvals beside a real daemon: what agents really ask, and what becomes of it. */
import { deepEqual, equal } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { OpenApprovals } from "../../../extension/approvals/openApprovals.ts";
import { sidesOf } from "../../../extension/approvals/changeSides.ts";
import { followApprovals } from "../../../extension/approvals/followApprovals.ts";
import { requestedAction } from "../../../extension/approvals/requestedAction.ts";
import { startDaemon, type TestClient, type TestDaemon } from "../../support/daemon.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { agentFile } from "../../support/runContext.ts";
import { waitFor } from "../../support/waitFor.ts";
import { daemonCalls } from "../daemonCalls.ts";

describe("the extension's approvals follow a daemon", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  const program = (file: string) => ({ command: process.execPath, args: [agentFile(file)] });
  /** Nothing is to go wrong here. */
  const log = { error: (fault: string | Error) => void faults.push(fault) };
  const faults: (string | Error)[] = [];
  afterEach(() => deepEqual(faults, []));
  before(async () => {
    daemon = startDaemon({
      agents: [
        {
          name: "asker",
          runner: {
            kind: "command",
            ...program("json-claude-talk.mjs"),
            promptVia: "stdin",
            format: "claude-stream-json",
          },
        },
        { name: "editor", runner: { kind: "acp", ...program("acp-agent.mjs") } },
      ],
    });
    client = await daemon.client();
  });
  after(() => daemon.stop());

  function followed() {
    const approvals = new OpenApprovals();
    const calls = daemonCalls(client);
    const following = followApprovals({ client: calls, log }, approvals);
    calls.connect();
    return { approvals, stop: () => following.forEach((one) => one.dispose()) };
  }
  const openOf = (approvals: OpenApprovals, sessionId: string) =>
    waitFor(() => approvals.all().find((one) => one.sessionId === sessionId), "the question");

  it("a command comes, and goes when somebody else has answered", async () => {
    const { approvals, stop } = followed();
    const id = await client.shell("ask", { agent: "asker" });
    const asked = await openOf(approvals, id);
    deepEqual(requestedAction(asked), { kind: "command", command: "rm x", more: {} });
    const other = await daemon.client();
    await other.call("approval/respond", { approvalId: asked.id, decision: "allowOnce" });
    await waitFor(() => approvals.size === 0, "it to go");
    equal((await client.completion(id)).status, "completed");
    stop();
  });

  it("one that was asked before the connection is there too, and goes with its run", async () => {
    const id = await client.shell("ask", { agent: "asker" });
    await waitFor(
      async () => (await client.call("approval/list", {})).approvals.length > 0,
      "the question",
    );
    const { approvals, stop } = followed();
    await openOf(approvals, id);
    await client.call("session/cancel", { sessionId: id });
    await waitFor(() => approvals.size === 0, "it to go");
    await client.completion(id);
    stop();
  });

  it("an edit of an agent comes as both sides of a diff", async () => {
    const path = join(daemon.work, "a.txt");
    writeFileSync(path, "one\ntwo\nthree\n");
    const { approvals, stop } = followed();
    const toolCall = {
      toolCallId: "t1",
      title: "Edit a.txt",
      kind: "edit",
      content: [{ type: "diff", path, oldText: "one\ntwo\nthree\n", newText: "one\n2\nthree\n" }],
    };
    const options = [
      { optionId: "yes", kind: "allow_once", name: "Yes" },
      { optionId: "no", kind: "reject_once", name: "No" },
    ];
    const ask = { request: "session/request_permission", params: { toolCall, options } };
    const id = await client.shell(JSON.stringify([ask]), { agent: "editor" });
    const asked = await openOf(approvals, id);
    const wanted = requestedAction(asked);
    const [change] = wanted.kind === "changes" ? wanted.changes : [];
    equal(change?.path, path);
    deepEqual(change && sidesOf(change, "one\ntwo\nthree\n"), {
      before: "one\ntwo\nthree\n",
      after: "one\n2\nthree\n",
      isPartial: false,
    });
    await client.call("approval/respond", { approvalId: asked.id, decision: "denyOnce" });
    await waitFor(() => approvals.size === 0, "it to go");
    await client.completion(id);
    stop();
  });

  it("those of a core that was killed go, although nobody resolves them", async () => {
    const { approvals, stop } = followed();
    const id = await client.shell("ask", { agent: "asker" });
    await openOf(approvals, id);
    await daemon.killCore();
    await waitFor(() => approvals.size === 0, "it to go");
    const again = await client.shell("ask", { agent: "asker" });
    const asked = await openOf(approvals, again);
    await client.call("approval/respond", { approvalId: asked.id, decision: "denyOnce" });
    await client.completion(again);
    stop();
  });
});
