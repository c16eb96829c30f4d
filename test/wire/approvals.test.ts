import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "node:path";
import { ApprovalRule } from "../../protocol/approvals.ts";
import type { AgentProfile } from "../../protocol/config.ts";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import type { RawClient } from "../support/rawClient.ts";
import { repository } from "../support/repository.ts";
import { refusal } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";
import { anotherCore, restartCore, wireSuite } from "../support/wire.ts";

const program = join(repository, "test", "support", "agents", "json-claude-talk.mjs");

const asker: AgentProfile = {
  name: "asker",
  runner: {
    kind: "command",
    command: process.execPath,
    args: [program],
    promptVia: "stdin",
    format: "claude-stream-json",
  },
};

describe("wire: approvals", () => {
  const wire = wireSuite({ agents: [asker] });

  async function opened(options: object = {}, subscription?: object): Promise<RawClient> {
    const client = await wire.socket();
    await client.open(options);
    if (subscription !== undefined) await client.call("tree/subscribe", subscription);
    return client;
  }
  const root = async (): Promise<string> =>
    (await wire.client.call("session/create", { cwd: wire.daemon.work, title: "top" })).session.id;
  const ask = (parentId: string) =>
    wire.client.shell("ask", { agent: "asker", parentId, title: "asks" });
  const requested = (client: RawClient, id: string) =>
    waitFor(
      () => client.of("approval/requested").find(({ approval }) => approval.sessionId === id),
      "the question",
      { describe: () => client.received },
    ).then(({ approval }) => approval);

  it("reach who subscribed to the tree, with the path to the session, and stay in the list", async () => {
    const [one, other] = [await root(), await root()];
    const [all, some, none, silent] = await Promise.all([
      opened({}, {}),
      opened({}, { rootIds: [one], events: "all" }),
      opened({}, { rootIds: [other] }),
      opened(),
    ]);
    const id = await ask(one);
    const approval = await requested(all, id);
    deepEqual(approval.path, [
      { id: one, title: "top" },
      { id, title: "asks" },
    ]);
    deepEqual([approval.toolName, approval.input], ["Bash", { command: "rm x" }]);
    deepEqual(await requested(some, id), approval);
    deepEqual((await silent.call("approval/list")).approvals, [approval]);
    deepEqual((await silent.call("approval/list", { rootId: one })).approvals, [approval]);
    deepEqual((await silent.call("approval/list", { rootId: other })).approvals, []);
    const waitingFor = async () =>
      (await silent.call("session/get", { sessionId: id })).session.waitingFor;
    deepEqual(await waitFor(waitingFor, "the run to wait"), {
      kind: "approval",
      ids: [approval.id],
    });
    const respond = { approvalId: approval.id, decision: "allowOnce" };
    deepEqual(await silent.call("approval/respond", respond), {});
    const told = (client: RawClient) => client.of("approval/resolved");
    await waitFor(() => told(all).length + told(some).length === 2, "everybody to hear of it");
    deepEqual(told(all), [{ ...respond, by: "raw" }]);
    deepEqual(told(some), told(all));
    await wire.client.call("session/wait", { sessionIds: [id] });
    deepEqual(await silent.call("approval/list").then(({ approvals }) => approvals), []);
    deepEqual([...none.notifications(), ...silent.notifications()], []);
  });

  it("are answered once: the second answer gets 1010 with the first decision", async () => {
    const [one, other] = await Promise.all([opened({}, {}), opened()]);
    const approval = await requested(one, await ask(await root()));
    const answers = await Promise.all([
      one.ask("approval/respond", { approvalId: approval.id, decision: "denyOnce" }),
      other.ask("approval/respond", { approvalId: approval.id, decision: "allowAlways" }),
    ]);
    const refused = answers.filter(({ error }) => error !== undefined);
    equal(refused.length, 1);
    await waitFor(() => one.of("approval/resolved").length > 0, "the decision");
    const [{ decision }] = one.of("approval/resolved");
    ok(["denyOnce", "allowAlways"].includes(decision));
    const data = { kind: "approvalAlreadyResolved", decision };
    deepEqual([refused[0]?.error?.code, refused[0]?.error?.data], [1010, data]);
    const late = await other.ask("approval/respond", {
      approvalId: approval.id,
      decision: "allowOnce",
    });
    deepEqual([late.error?.code, late.error?.data], [1010, data]);
    await wire.client.call("session/wait", { sessionIds: [approval.sessionId] });
  });

  it("are not answered by a client whose workspace is not trusted", async () => {
    const [one, looker] = await Promise.all([opened({}, {}), opened({ workspaceTrusted: false })]);
    const approval = await requested(one, await ask(await root()));
    deepEqual((await looker.call("approval/list")).approvals, [approval]);
    const respond = { approvalId: approval.id, decision: "allowOnce" };
    equal((await looker.ask("approval/respond", respond)).error?.code, 1005);
    deepEqual(await one.call("approval/respond", { ...respond, decision: "denyOnce" }), {});
    await wire.client.call("session/wait", { sessionIds: [approval.sessionId] });
  });

  it("are still there for who comes back, and expire with the run", async () => {
    const gone = await opened({}, {});
    const id = await ask(await root());
    const approval = await requested(gone, id);
    await gone.destroy();
    const back = await opened({}, {});
    deepEqual((await back.call("approval/list")).approvals, [approval]);
    await back.call("session/cancel", { sessionId: id });
    await waitFor(() => back.of("approval/resolved").length > 0, "it to expire");
    deepEqual(back.of("approval/resolved"), [
      { approvalId: approval.id, decision: "expired", by: "run ended" },
    ]);
    const late = { approvalId: approval.id, decision: "allowOnce" };
    const { error } = await back.ask("approval/respond", late);
    deepEqual(error?.data, { kind: "approvalAlreadyResolved", decision: "expired" });
    await wire.client.call("session/wait", { sessionIds: [id] });
    deepEqual((await back.call("approval/list")).approvals, []);
  });

  const ruled = async (one: RawClient, params: object = {}) =>
    (await one.call("approval/rules", params)).rules;

  it("answered for always are rules: listed, told, removed, and gone with their tree", async () => {
    const one = await opened({}, {});
    const top = await root();
    const id = await ask(top);
    const { id: approvalId, always } = await requested(one, id);
    const cwd = wire.daemon.work;
    deepEqual(always, {
      rule: { tool: "Bash", pattern: "rm x", decision: "allow" },
      text: `always allow \`rm x\` in ${cwd}`,
    });
    const inTree = { approvalId, decision: "allowAlways", scope: "tree" };
    deepEqual(await one.call("approval/respond", inTree), {});
    await waitFor(() => one.of("approval/rulesChanged").length > 0, "the news");
    await wire.client.call("session/wait", { sessionIds: [id] });
    const [rule] = await ruled(one, { rootId: top });
    deepEqual(ApprovalRule.parse(rule), rule);
    deepEqual(rule.title, 'always allow `rm x` in the tree "top"');
    deepEqual(await ruled(one, { cwd }), []);
    const again = await ask(top);
    await wire.client.call("session/wait", { sessionIds: [again] });
    deepEqual((await ruled(one))[0].uses, 1);
    equal(one.of("approval/requested").length, 1, "nobody was asked again");

    const other = await root();
    const asked = await requested(one, await ask(other));
    await one.call("approval/respond", { approvalId: asked.id, decision: "allowAlways" });
    await wire.client.call("session/wait", { sessionIds: [asked.sessionId] });
    const [ofFolder] = await ruled(one, { cwd: `${cwd}/` });
    deepEqual(ofFolder.scope, { kind: "cwd", cwd });
    equal((await ruled(one)).length, 2);
    await one.call("session/delete", { sessionId: top });
    deepEqual(await ruled(one), [ofFolder]);
    await restartCore(wire);
    const next = await opened({}, {});
    deepEqual(await ruled(next), [ofFolder], "it outlives its core");
    deepEqual(await next.call("approval/removeRule", { ruleId: ofFolder.id }), {});
    await waitFor(() => next.of("approval/rulesChanged").length > 0, "the news of its end");
    deepEqual(await ruled(next), []);
    const late = await next.ask("approval/removeRule", { ruleId: ofFolder.id });
    deepEqual(late.error?.data, { kind: "ruleNotFound", ruleId: ofFolder.id });
    equal(late.error?.code, 1014);
    const { error } = await next.ask("approval/rules", { cwd: "relative" });
    equal(error?.code, -32602);
  });

  it("are not answered, and rules not removed, by what runs inside a run or is not trusted", async () => {
    const one = await opened({}, {});
    const approval = await requested(one, await ask(await root()));
    const { sessionId, runId } = approval;
    const inside = await opened({ run: { sessionId, runId } });
    const looker = await opened({ workspaceTrusted: false });
    for (const client of [inside, looker]) {
      for (const [method, params] of [
        ["approval/respond", { approvalId: approval.id, decision: "allowAlways" }],
        ["approval/removeRule", { ruleId: "x" }],
      ] as const) {
        deepEqual((await client.ask(method, params)).error?.data, { kind: "notTrusted" });
      }
      deepEqual(await ruled(client), []);
    }
    await one.call("approval/respond", { approvalId: approval.id, decision: "denyOnce" });
    await wire.client.call("session/wait", { sessionIds: [sessionId] });
  });
});

describe("wire: approvals when nobody can answer", () => {
  const wire = wireSuite({ agents: [asker] });

  it("wait on: neither a program of a run nor who is not trusted counts", async () => {
    const looker = await wire.socket();
    await looker.open({ workspaceTrusted: false });
    const { session } = await wire.client.call("session/spawn", {
      prompt: "ask",
      agent: "asker",
      cwd: wire.daemon.work,
    });
    const list = async () => (await looker.call("approval/list")).approvals;
    const [approval] = await waitFor(async () => {
      const approvals = await list();
      return approvals.length > 0 && approvals;
    }, "the question");
    const inside = await wire.socket();
    await inside.open({ run: { sessionId: session.id, runId: approval.runId } });
    await wire.client.crash();
    const isNobodyThere = async () => (await list())[0].expiresAt === undefined;
    await waitFor(isNobodyThere, "the core to notice");
    wire.daemon.configure({ agents: [asker], approvals: { timeoutMs: 300 } });
    await waitFor(() => Date.now() - approval.requestedAt > 2_500, "more than its time");
    // Nobody's clock is running, so there is no telling when it ends.
    const { expiresAt, ...others } = approval;
    ok(expiresAt > approval.requestedAt);
    deepEqual(await list(), [others]);
    const person = await wire.daemon.client();
    const { status } = await person.completion(session.id);
    equal(status, "completed");
    deepEqual(person.of("approval/resolved"), [
      { approvalId: approval.id, decision: "denyOnce", by: "time-out" },
    ]);
    await person.close();
  });
});

describe("wire: approvals of a core that died", () => {
  checkLeaks();
  let daemon: TestDaemon;
  before(() => {
    daemon = startDaemon({ agents: [asker] });
  });
  after(() => daemon.stop());

  it("have expired, in the eyes of whoever knew of them through a front", async () => {
    const [told, late, silent] = [
      await daemon.client(),
      await daemon.client({ subscribe: "nothing" }),
      await daemon.client({ subscribe: "nothing" }),
    ];
    const spawn = (cwd: string) => told.shell("ask", { agent: "asker", cwd });
    const ids = [await spawn(daemon.work), await spawn(daemon.folder)];
    const approvals = await waitFor(() => {
      const all = told.of("approval/requested").map(({ approval }) => approval);
      return all.length === 2 && all;
    }, "two questions");
    const ofWork = approvals.find(({ sessionId }) => sessionId === ids[0]);
    const rootId = ofWork?.path[0]?.id ?? "";
    await late.call("tree/subscribe", { rootIds: [rootId] });
    for (const client of [late, silent]) {
      equal((await client.call("approval/list", {})).approvals.length, 2);
    }
    await daemon.killCore();
    const expired = (approvalId: string) =>
      ({ approvalId, decision: "expired", by: "core ended" }) as const;
    const resolved = (client: TestClient) =>
      client.of("approval/resolved").toSorted((a, b) => (a.approvalId < b.approvalId ? -1 : 1));
    const all = approvals.map(({ id }) => id).toSorted();
    await waitFor(() => resolved(told).length === 2, "both to expire");
    deepEqual(resolved(told), all.map(expired));
    await waitFor(() => resolved(late).length === 1, "the one of its tree to expire");
    deepEqual(resolved(late), [expired(ofWork?.id ?? "")]);
    await waitFor(() => told.of("subAgent/completed").length === 2, "both runs to end");
    deepEqual((await told.call("approval/list", {})).approvals, []);
    const answer = told.call("approval/respond", {
      approvalId: all[0] ?? "",
      decision: "allowOnce",
    });
    const data = { kind: "approvalAlreadyResolved", decision: "expired" };
    deepEqual((await refusal(answer)).data, data);
    deepEqual(resolved(silent), [], "who has subscribed to nothing gets answers only");
    await daemon.killCore();
    await anotherCore(daemon);
    deepEqual(resolved(told), all.map(expired), "once");
  });
});
