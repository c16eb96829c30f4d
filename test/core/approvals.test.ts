import { deepEqual, equal, rejects } from "node:assert/strict";
import type { ApprovalAnswer } from "../../daemon/runners/runner.ts";
import type { Approval } from "../../protocol/approvals.ts";
import type { Session } from "../../protocol/session.ts";
import { approvalOf, removal, runThatAsks } from "../support/asking.ts";
import { openParts, type TestParts } from "../support/inProcess.ts";
import { checkLeaks } from "../support/leaks.ts";
import { lockStore } from "../support/lockedStore.ts";
import { waitFor } from "../support/waitFor.ts";
import { runError } from "../../daemon/base/errors.ts";

const waitedFor = (session: Session) => "waitingFor" in session && session.waitingFor;

describe("an approval", () => {
  checkLeaks();
  let parts: TestParts;
  let isSomebodyThere: boolean;
  let approvalTimeoutMs: number;
  let answers: ApprovalAnswer[];
  beforeEach(async () => {
    answers = [];
    isSomebodyThere = true;
    approvalTimeoutMs = 60_000;
    parts = await openParts({
      run: runThatAsks(answers, () => removal),
      settings: (settings) => ({
        ...settings,
        approvalTimeoutMs,
        watchdog: { checkMs: 10, totalMs: 60_000, idleMs: 1_000 },
      }),
      canBeAnswered: () => isSomebodyThere,
    });
  });
  afterEach(() => parts.stop());

  async function asked(): Promise<{ id: string; approval: Approval }> {
    const { id } = await parts.spawn("x", { title: "the session" });
    return { id, approval: await approvalOf(parts, id) };
  }

  it("suspends the run, whose time stands still, until anybody answers it once", async () => {
    const { id, approval } = await asked();
    deepEqual([approval.toolName, approval.input], ["shell", { command: "rm -r x" }]);
    deepEqual(approval.path.map(({ title }) => title).slice(1), ["the session"]);
    const shown = await parts.until(id, "suspended");
    deepEqual(waitedFor(shown), { kind: "approval", ids: [approval.id] });
    const { requestedAt } = approval;
    await waitFor(() => Date.now() - requestedAt > 1_500, "more than the idle time");
    deepEqual(parts.approvals.list(undefined), [approval]);
    await parts.approvals.respond({ approvalId: approval.id, decision: "allowOnce" }, "somebody");
    equal((await parts.completion(id)).status, "completed");
    deepEqual(answers, [{ decision: "allowOnce" }]);
    deepEqual(parts.of("approval/resolved"), [
      { approvalId: approval.id, decision: "allowOnce", by: "somebody" },
    ]);
    await rejects(
      parts.approvals.respond({ approvalId: approval.id, decision: "denyOnce" }, "other"),
      { code: 1010, data: { kind: "approvalAlreadyResolved", decision: "allowOnce" } },
    );
    deepEqual(parts.approvals.list(undefined), []);
    deepEqual(
      parts.events(id).flatMap((event) => (event.type === "status" ? [event.to] : [])),
      ["suspended", "running"],
    );
  });

  it("gives the agent what was answered: another input, or why not", async () => {
    const first = await asked();
    const input = { command: "ls x" };
    const respond = { approvalId: first.approval.id, decision: "allowOnce", input } as const;
    await parts.approvals.respond(respond, "somebody");
    const second = await asked();
    const because = { decision: "denyOnce", message: "it is needed" } as const;
    await parts.approvals.respond({ approvalId: second.approval.id, ...because }, "somebody");
    for (const { id } of [first, second]) await parts.completion(id);
    deepEqual(answers, [{ decision: "allowOnce", input }, because]);
  });

  it("is denied when nobody answers although somebody could, and stays open while nobody can", async () => {
    isSomebodyThere = false;
    approvalTimeoutMs = 300;
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
    await parts.requests.cancel(id, undefined, undefined);
    equal((await parts.completion(id)).error?.message, "Cancelled by user");
    deepEqual(answers, [{ decision: "expired" }]);
    deepEqual(parts.of("approval/resolved"), [
      { approvalId: approval.id, decision: "expired", by: "run ended" },
    ]);
    deepEqual(await parts.store.approvals(), []);
  });
});

describe("an approval while the store fails", () => {
  checkLeaks();

  it("is asked for and answered all the same, and stored later", async () => {
    const answers: ApprovalAnswer[] = [];
    const locked = Promise.withResolvers<void>();
    const asks = runThatAsks(answers, () => removal);
    const parts = await openParts({
      async run(context) {
        await locked.promise;
        return await asks(context);
      },
    });
    const { id } = await parts.spawn("x");
    await parts.until(id, "running");
    const lock = await lockStore(parts.store.file);
    locked.resolve();
    const approval = await approvalOf(parts, id);
    const respond = { approvalId: approval.id, decision: "allowAlways" } as const;
    await parts.approvals.respond(respond, "somebody");
    const { status, stored } = await parts.completion(id);
    deepEqual([status, stored, answers], ["completed", false, [{ decision: "allowOnce" }]]);
    equal(parts.approvalRules.list({}).length, 1);
    await lock.free();
    await waitFor(() => parts.store.health.ok, "the store to take writes again");
    const again = await parts.spawn("y");
    await parts.completion(again.id);
    deepEqual(
      [await parts.store.approvals(), (await parts.store.approvalRules()).length, answers.length],
      [[], 1, 2],
    );
    equal(await parts.store.getMeta("lastApproval"), Number(approval.id));
    await parts.stop();
  });
});

describe("an agent that has ended", () => {
  checkLeaks();

  it("asks no more, also when its run goes on with another attempt", async () => {
    let attempts = 0;
    const parts = await openParts({
      async run({ ask }) {
        attempts += 1;
        if (attempts > 1) return { status: "completed", result: "done" };
        void ask(removal);
        await waitFor(() => parts.approvals.list(undefined).length > 0, "the question");
        return { status: "error", error: runError("runner_crashed", "it died") };
      },
      profile: { restart: { backoffMs: 1 } },
    });
    const { id } = await parts.spawn("x");
    equal((await parts.completion(id)).attempt, 2);
    const { approvalId = "" } = parts.of("approval/resolved")[0] ?? {};
    deepEqual(parts.of("approval/resolved"), [
      { approvalId, decision: "expired", by: "agent ended" },
    ]);
    deepEqual(parts.approvals.list(undefined), []);
    await parts.stop();
  });
});

describe("a run that waits for people and for children", () => {
  checkLeaks();
  let parts: TestParts;
  let letGo: Map<string, () => void>;
  let answered: string[];
  beforeEach(async () => {
    letGo = new Map();
    answered = [];
    parts = await openParts({
      async run({ prompt, ask }) {
        const end = Promise.withResolvers<void>();
        letGo.set(prompt, end.resolve);
        if (prompt === "asker") {
          void ask(removal).then(({ decision }) => answered.push(decision));
        }
        await end.promise;
        return { status: "completed", result: "done" };
      },
      settings: (settings) => ({ ...settings, concurrency: { total: 1, perRoot: 1 } }),
    });
  });
  afterEach(() => parts.stop());

  /** One slot in all: the child runs only while its parent has given it back. */
  async function both() {
    const asker = await parts.spawn("asker");
    const approval = await approvalOf(parts, asker.id);
    const child = await parts.spawn("child", { parentId: asker.id });
    const running = parts.tree.get(asker.id).session;
    const runId = "runId" in running ? running.runId : "";
    const waiting = parts.requests.wait(
      { sessionIds: [child.id] },
      { sessionId: asker.id, runId },
      new AbortController().signal,
    );
    await parts.until(child.id, "running");
    return { asker, approval, child, waiting };
  }
  const end = (prompt: string) => letGo.get(prompt)?.();
  const shown = (id: string) => waitedFor(parts.tree.show(id));

  it("shows the person first, and its children again after the answer", async () => {
    const { asker, approval, child, waiting } = await both();
    deepEqual(shown(asker.id), { kind: "approval", ids: [approval.id] });
    await parts.approvals.respond({ approvalId: approval.id, decision: "allowOnce" }, "x");
    const children = { kind: "children", ids: [child.id] };
    const isShown = () => JSON.stringify(shown(asker.id)) === JSON.stringify(children);
    await waitFor(isShown, "its children again", { describe: () => parts.tree.show(asker.id) });
    deepEqual(answered, ["allowOnce"]);
    equal(parts.scheduler.runningCount, 1, "its slot is still its child's");
    end("child");
    await waiting;
    await parts.until(asker.id, "running");
    end("asker");
    equal((await parts.completion(asker.id)).status, "completed");
    const moves = parts.events(asker.id).flatMap((one) => (one.type === "status" ? [one.to] : []));
    deepEqual(moves, ["suspended", "running"]);
  });

  it("waits on for the person when its children have ended, with its slot", async () => {
    const { asker, approval, waiting } = await both();
    end("child");
    await waiting;
    deepEqual(shown(asker.id), { kind: "approval", ids: [approval.id] });
    const other = await parts.spawn("other");
    equal(parts.tree.show(other.id).status, "queued");
    await parts.approvals.respond({ approvalId: approval.id, decision: "allowOnce" }, "x");
    await parts.until(asker.id, "running");
    equal(parts.tree.show(other.id).status, "queued");
    end("asker");
    await parts.completion(asker.id);
    await parts.until(other.id, "running");
    end("other");
    await parts.completion(other.id);
  });
});
