import { deepEqual, equal, throws } from "node:assert/strict";
import type { ApprovalAnswer, RunContext, RunOutcome } from "../../daemon/runners/runner.ts";
import type { Approval } from "../../protocol/messages.ts";
import { openParts, type TestParts } from "../support/inProcess.ts";
import { checkLeaks } from "../support/leaks.ts";
import { waitFor } from "../support/waitFor.ts";

describe("an approval", () => {
  checkLeaks();
  let parts: TestParts;
  let isSomebodyThere: boolean;
  let answers: ApprovalAnswer[];
  beforeEach(async () => {
    answers = [];
    isSomebodyThere = true;
    parts = await openParts({
      async run({ ask, signal }: RunContext): Promise<RunOutcome> {
        const input = { command: "rm -r /" };
        answers.push(await ask({ toolName: "shell", kind: "execute", title: "remove", input }));
        return signal.aborted ? { status: "aborted" } : { status: "completed", result: "done" };
      },
      settings: (settings) => ({
        ...settings,
        approvalTimeoutMs: 900,
        watchdog: { checkMs: 10, totalMs: 60_000, idleMs: 200 },
      }),
      hasClients: () => isSomebodyThere,
    });
  });
  afterEach(() => parts.stop());

  async function asked(): Promise<{ id: string; approval: Approval }> {
    const { id } = await parts.spawn("x", { title: "the session" });
    const requested = () =>
      parts.of("approval/requested").find(({ approval }) => approval.sessionId === id);
    const { approval } = await waitFor(requested, "the question");
    return { id, approval };
  }

  it("suspends the run, whose time stands still, until anybody answers it once", async () => {
    const { id, approval } = await asked();
    deepEqual([approval.toolName, approval.input], ["shell", { command: "rm -r /" }]);
    deepEqual(approval.path.map(({ title }) => title).slice(1), ["the session"]);
    const shown = await parts.until(id, "suspended");
    deepEqual("waitingFor" in shown && shown.waitingFor, { kind: "approval", ids: [approval.id] });
    const { requestedAt } = approval;
    await waitFor(() => Date.now() - requestedAt > 400, "twice the idle time");
    deepEqual(parts.approvals.list(undefined), [approval]);
    parts.approvals.respond({ approvalId: approval.id, decision: "allowOnce" }, "somebody");
    equal((await parts.completion(id)).status, "completed");
    deepEqual(answers, [{ decision: "allowOnce" }]);
    deepEqual(parts.of("approval/resolved"), [
      { approvalId: approval.id, decision: "allowOnce", by: "somebody" },
    ]);
    throws(
      () => parts.approvals.respond({ approvalId: approval.id, decision: "denyOnce" }, "other"),
      { code: 1010, data: { kind: "approvalAlreadyResolved", decision: "allowOnce" } },
    );
    deepEqual(parts.approvals.list(undefined), []);
  });

  it("is denied when nobody answers although somebody is there, and stays open while nobody is", async () => {
    isSomebodyThere = false;
    const { id, approval } = await asked();
    await waitFor(() => Date.now() - approval.requestedAt > 1_500, "more than its time");
    deepEqual(answers, []);
    isSomebodyThere = true;
    await parts.completion(id);
    deepEqual(
      answers.map(({ decision }) => decision),
      ["denyOnce"],
    );
    equal(parts.of("approval/resolved")[0]?.decision, "denyOnce");
  });

  it("expires with its run", async () => {
    const { id, approval } = await asked();
    parts.scheduler.cancel(id, undefined, undefined);
    equal((await parts.completion(id)).error?.message, "Cancelled by user");
    deepEqual(answers, [{ decision: "expired" }]);
    equal(parts.of("approval/resolved")[0]?.decision, "expired");
    equal(parts.of("approval/resolved")[0]?.approvalId, approval.id);
    deepEqual(await parts.store.approvals(), []);
  });
});
