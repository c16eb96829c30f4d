import { deepEqual, equal, rejects } from "node:assert/strict";
import type { ApprovalAnswer, ApprovalQuestion } from "../../daemon/runners/runner.ts";
import type { Permissions } from "../../protocol/config.ts";
import { approvalOf, removal, runThatAsks } from "../support/asking.ts";
import { openParts, type TestParts } from "../support/inProcess.ts";
import { checkLeaks } from "../support/leaks.ts";
import { waitFor } from "../support/waitFor.ts";

describe("an answer for always", () => {
  checkLeaks();
  let parts: TestParts;
  let answers: ApprovalAnswer[];
  let question: ApprovalQuestion;
  let permissions: Permissions;
  beforeEach(async () => {
    answers = [];
    question = removal;
    permissions = {};
    parts = await openParts({
      run: runThatAsks(answers, () => question),
      permissions: () => permissions,
    });
  });
  afterEach(() => parts.stop());

  const respond = (approvalId: string, more: { decision: Decision; scope?: "cwd" | "tree" }) =>
    parts.approvals.respond({ approvalId, ...more }, "somebody");
  type Decision = Parameters<TestParts["approvals"]["respond"]>[0]["decision"];
  async function answered(decision: Decision, more: { scope?: "cwd" | "tree" } = {}) {
    const { id } = await parts.spawn("x");
    const approval = await approvalOf(parts, id);
    await respond(approval.id, { decision, ...more });
    await parts.completion(id);
    return { id, approval };
  }
  /** Runs again, and says what the agent was answered; `asked` when a person has to answer. */
  async function next(more: object = {}): Promise<string> {
    const { id } = await parts.spawn("x", more);
    const isAsked = () =>
      parts.approvals.list(undefined).some(({ sessionId }) => sessionId === id) && "asked";
    const isOver = () => parts.tree.peek(id)?.status === "completed" && "answered";
    const how = await waitFor(() => isAsked() || isOver(), "an answer");
    if (how === "answered") return answers.at(-1)?.decision ?? "";
    await parts.requests.cancel(id, undefined, undefined);
    await parts.completion(id);
    return "asked";
  }

  it("is a rule for exactly this, in words, and the agent hears of once", async () => {
    const { approval } = await answered("allowAlways");
    const { cwd } = parts.tree.get(approval.sessionId).session;
    deepEqual(approval.always, {
      rule: { tool: "shell", pattern: "rm -r x", decision: "allow" },
      text: `always allow \`rm -r x\` in ${cwd}`,
    });
    deepEqual(answers, [{ decision: "allowOnce" }]);
    equal(parts.of("approval/resolved")[0]?.decision, "allowAlways");
    equal(parts.of("approval/rulesChanged").length, 1);
    const [rule] = parts.approvalRules.list({});
    deepEqual(rule, {
      id: rule?.id,
      rule: approval.always?.rule,
      scope: { kind: "cwd", cwd },
      title: approval.always?.text,
      approvalId: approval.id,
      createdAt: rule?.createdAt,
      createdBy: "somebody",
      uses: 0,
    });
    deepEqual(await parts.store.approvalRules(), [rule]);
    equal(await next(), "allowOnce");
    equal(parts.approvalRules.list({})[0]?.uses, 1);
    await parts.store.flush();
    deepEqual(await parts.store.approvalRules(), parts.approvalRules.list({}));
  });

  it("never says more than was asked", async () => {
    question = { ...removal, subject: "rm *.log", input: { command: "rm *.log" } };
    await answered("allowAlways");
    equal(await next(), "allowOnce");
    const others: Partial<ApprovalQuestion>[] = [
      { subject: "rm a.log" },
      { subject: "rm *.log; rm b" },
      { subject: "rm *.log " },
      { subject: String.raw`rm \*.log` },
      { toolName: "other" },
    ];
    for (const other of others) {
      question = { ...removal, subject: "rm *.log", ...other };
      equal(await next(), "asked", JSON.stringify(other));
    }
    question = { toolName: "shell", kind: "execute", title: "no subject", input: {} };
    equal(await next(), "asked");
    question = { ...removal, subject: "rm *.log" };
    equal(await next({ cwd: "/" }), "asked", "another folder");
  });

  it("is not offered where no rule could say just this, and then refused", async () => {
    const { subject: _none, ...without } = removal;
    for (const one of [without, { ...removal, subject: "x".repeat(1_001) }]) {
      question = one;
      const { id } = await parts.spawn("x");
      const approval = await approvalOf(parts, id);
      deepEqual([approval.always, approval.options], [undefined, ["allowOnce", "denyOnce"]]);
      await rejects(respond(approval.id, { decision: "allowAlways" }), {
        issues: [
          {
            path: "decision",
            message: "is not offered: no rule could say just this, so answer it once",
          },
        ],
      });
      await respond(approval.id, { decision: "denyOnce" });
      await parts.completion(id);
    }
    deepEqual(parts.approvalRules.list({}), []);
  });

  it("is about what was asked, and not about another input", async () => {
    const { id } = await parts.spawn("x");
    const { id: approvalId, input } = await approvalOf(parts, id);
    const always = { approvalId, decision: "allowAlways" } as const;
    await rejects(parts.approvals.respond({ ...always, input: { command: "ls" } }, "x"), {
      message: /with allowOnce only/,
    });
    await parts.approvals.respond({ ...always, input }, "x");
    await parts.completion(id);
    deepEqual(answers, [{ decision: "allowOnce" }]);
  });

  it("holds in the whole tree where that was wanted, and goes with it", async () => {
    const { id } = await answered("allowAlways", { scope: "tree" });
    const { rootId } = parts.tree.get(id).session;
    const [rule] = parts.approvalRules.list({ rootId });
    deepEqual(rule?.scope, { kind: "tree", rootId });
    equal(rule?.title.startsWith("always allow `rm -r x` in the tree "), true);
    equal(await next({ parentId: rootId, cwd: "/" }), "allowOnce");
    equal(await next({ cwd: "/" }), "asked", "another tree");
    deepEqual(parts.approvalRules.list({ cwd: "/" }), []);
    await parts.approvalRules.removeOrphans();
    equal(parts.approvalRules.list({}).length, 1, "its tree is there");
    await parts.tree.remove([rootId]);
    await parts.approvalRules.removeOrphans();
    deepEqual(parts.approvalRules.list({}), []);
    deepEqual(await parts.store.approvalRules(), []);
  });

  it("denies as well, and what denies wins", async () => {
    await answered("denyAlways");
    deepEqual(answers, [{ decision: "denyOnce" }]);
    equal(await next(), "denyOnce");
    equal(answers[1]?.message?.startsWith("a stored rule does not allow it: always deny"), true);
    // The same question in another folder of the same tree is allowed for the whole tree.
    const [denied] = parts.approvalRules.list({});
    const { rootId } = parts.tree.get(
      parts.of("approval/requested")[0]?.approval.sessionId ?? "",
    ).session;
    const { id } = await parts.spawn("x", { parentId: rootId, cwd: "/" });
    const { id: approvalId } = await approvalOf(parts, id);
    await respond(approvalId, { decision: "allowAlways", scope: "tree" });
    await parts.completion(id);
    equal(parts.approvalRules.list({}).length, 2);
    equal(await next({ parentId: rootId }), "denyOnce");
    permissions = { mode: "auto" };
    equal(await next(), "denyOnce", "also what would not be asked");
    await parts.approvalRules.remove(denied?.id ?? "");
    equal(await next(), "allowOnce");
  });

  it("never allows what permissions deny", async () => {
    await answered("allowAlways");
    for (const denying of [
      { mode: "plan" },
      { mode: "auto", rules: [{ tool: "shell", pattern: "rm *", decision: "deny" }] },
    ] as const) {
      permissions = { ...denying } as Permissions;
      equal(await next(), "denyOnce");
      equal(answers.at(-1)?.message, "the permissions of this session do not allow it");
    }
    permissions = {};
    const plan = { overrides: { permissions: { mode: "plan" } } };
    equal(await next(plan), "denyOnce");
    equal(parts.approvalRules.list({})[0]?.uses, 0);
  });

  it("answers the others that wait for the same", async () => {
    const ids = [await parts.spawn("a"), await parts.spawn("b")].map(({ id }) => id);
    const [first = "", second = ""] = ids;
    const [one, other] = [await approvalOf(parts, first), await approvalOf(parts, second)];
    question = { ...removal, subject: "something else" };
    const third = await parts.spawn("c");
    const different = await approvalOf(parts, third.id);
    await respond(one.id, { decision: "allowAlways" });
    for (const id of ids) equal((await parts.completion(id)).status, "completed");
    deepEqual(
      parts
        .of("approval/resolved")
        .map(({ approvalId, decision, by }) => [approvalId, decision, by]),
      [
        [one.id, "allowAlways", "somebody"],
        [other.id, "allowOnce", "rule"],
      ],
    );
    deepEqual(parts.approvals.list(undefined), [different]);
    await respond(different.id, { decision: "denyOnce" });
    await parts.completion(third.id);
  });

  it("counts no more once it is removed", async () => {
    await answered("allowAlways");
    const [rule] = parts.approvalRules.list({});
    await parts.approvalRules.remove(rule?.id ?? "");
    equal(parts.of("approval/rulesChanged").length, 2);
    deepEqual(await parts.store.approvalRules(), []);
    equal(await next(), "asked");
    await rejects(parts.approvalRules.remove(rule?.id ?? ""), {
      code: 1014,
      data: { kind: "ruleNotFound", ruleId: rule?.id },
    });
  });
});
