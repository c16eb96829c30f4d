import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "node:path";
import type { RawClient } from "../support/rawClient.ts";
import { repository } from "../support/repository.ts";
import { waitFor } from "../support/waitFor.ts";
import { wireSuite } from "../support/wire.ts";

const program = join(repository, "test", "support", "agents", "json-claude-talk.mjs");

describe("wire: approvals", () => {
  const wire = wireSuite({
    agents: [
      {
        name: "asker",
        runner: {
          kind: "command",
          command: process.execPath,
          args: [program],
          promptVia: "stdin",
          format: "claude-stream-json",
        },
      },
    ],
  });

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
});
