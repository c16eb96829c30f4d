import { deepEqual, equal, match, ok } from "node:assert/strict";
import { connect } from "../../daemon/store/connection.ts";
import { errors, type ErrorKind } from "../../protocol/errors.ts";
import { requests } from "../../protocol/messages.ts";
import type { RawClient, WireMessage } from "../support/rawClient.ts";
import { waitFor } from "../support/waitFor.ts";
import { anotherCore, wireSuite } from "../support/wire.ts";

/** The answer is this error: its code, a message, and the facts that protocol/errors.ts names. */
function isError({ error }: WireMessage, kind: ErrorKind, facts: object): void {
  deepEqual([error?.code, error?.data], [errors[kind].code, { kind, ...facts }], error?.message);
  deepEqual(errors[kind].data.parse(facts), facts);
  ok((error?.message.length ?? 0) > 10);
}

describe("wire: the errors", () => {
  const wire = wireSuite({
    agents: [{ name: "mine", runner: { kind: "command", command: "/bin/true" } }],
    limits: { maxDepth: 2, maxChildren: 1 },
    concurrency: { total: 1 },
    queue: { perRoot: 2, total: 3 },
  });
  let client: RawClient;
  let rootId: string;
  beforeEach(async () => {
    client = await wire.socket();
    await client.open();
    rootId = (await client.call("session/create", { cwd: wire.daemon.work })).session.id;
  });
  afterEach(() => wire.client.call("session/delete", { sessionId: rootId }));

  const spawn = (params: object = {}) =>
    client.ask("session/spawn", { parentId: rootId, prompt: "sleep 1000", ...params });
  const spawned = async (params: object = {}): Promise<string> =>
    (await spawn(params)).result.session.id;
  const status = (id: string) =>
    client.call("session/get", { sessionId: id }).then(({ session }) => session.status);

  it("1001 sessionNotFound, for every request about a session", async () => {
    const sessionId = "no-such-session";
    const more: Record<string, object> = {
      "session/send": { text: "x" },
      "session/blob": { blobId: "x" },
      "session/rename": { title: "x" },
    };
    const about = Object.keys(requests).filter(
      (method) => method.startsWith("session/") && !/create|spawn|list|wait|unsub/.test(method),
    );
    ok(about.length >= 11);
    for (const method of about) {
      const answer = await client.ask(method, { sessionId, ...more[method] });
      isError(answer, "sessionNotFound", { sessionId });
    }
    isError(await spawn({ parentId: sessionId }), "sessionNotFound", { sessionId });
    for (const tree of [true, false]) {
      const answer = await client.ask("session/pause", { sessionId, tree });
      isError(answer, "sessionNotFound", { sessionId });
    }
    const wait = await client.ask("session/wait", { sessionIds: [sessionId] });
    isError(wait, "sessionNotFound", { sessionId });
    // The session may just have been removed, and then there is nothing to end.
    deepEqual((await client.ask("session/unsubscribe", { sessionId })).result, {});
    const subscribe = await client.ask("tree/subscribe", { rootIds: [sessionId] });
    isError(subscribe, "sessionNotFound", { sessionId });
  });

  it("1002 agentNotFound, with the names that there are", async () => {
    const answer = await spawn({ agent: "nobody" });
    isError(answer, "agentNotFound", { agent: "nobody" });
    match(answer.error?.message ?? "", /"nobody".*shell.*mine/);
  });

  it("1003 invalidState, with the state", async () => {
    const id = await spawned();
    await waitFor(async () => (await status(id)) === "running", "the run to start");
    for (const method of ["session/run", "session/pause", "session/resume"]) {
      isError(await client.ask(method, { sessionId: id }), "invalidState", { status: "running" });
    }
    const next = await spawned();
    isError(await client.ask("session/run", { sessionId: next }), "invalidState", {
      status: "queued",
    });
    const created = await spawned({ autoRun: false });
    for (const method of ["session/pause", "session/resume"]) {
      const answer = await client.ask(method, { sessionId: created });
      isError(answer, "invalidState", { status: "created" });
    }
  });

  it("1004 limitExceeded, with the limit, its bound and what there is", async () => {
    const child = await spawned({ autoRun: false });
    const grandchild = await spawned({ parentId: child, autoRun: false });
    const tooMany = await spawn({ parentId: child });
    isError(tooMany, "limitExceeded", { limit: "maxChildren", max: 1, current: 1 });
    const tooDeep = await spawn({ parentId: grandchild });
    isError(tooDeep, "limitExceeded", { limit: "maxDepth", max: 2, current: 3 });
  });

  it("1005 notTrusted", async () => {
    const looker = await wire.socket();
    await looker.open({ workspaceTrusted: false });
    const answer = await looker.ask("session/spawn", { parentId: rootId, prompt: "true" });
    isError(answer, "notTrusted", {});
  });

  it("1007 overloaded, with the bound of the root or of all, and nothing is lost", async () => {
    const running = await spawned();
    await waitFor(async () => (await status(running)) === "running", "the slot to be taken");
    const queued = [await spawned(), await spawned()];
    const answer = await spawn();
    isError(answer, "overloaded", { queued: 2, max: 2, retryAfterMs: 1000 });
    const held = await spawned({ autoRun: false });
    const run = await client.ask("session/run", { sessionId: held });
    isError(run, "overloaded", { queued: 2, max: 2, retryAfterMs: 1000 });
    const other = (await client.call("session/create", { cwd: "/" })).session.id;
    queued.push(await spawned({ parentId: other }));
    const all = await spawn({ parentId: other });
    isError(all, "overloaded", { queued: 3, max: 3, retryAfterMs: 1000 });
    for (const id of queued) equal(await status(id), "queued");
    await client.call("session/delete", { sessionId: other });
  });

  it("1008 versionMismatch, with both versions", async () => {
    const newer = await wire.socket();
    const { version } = await client.call("daemon/status");
    for (const protocolVersion of [0, 2, 999]) {
      const answer = await newer.open({ protocolVersion });
      const core = { version, protocolVersion: 1 };
      isError(answer, "versionMismatch", { client: { protocolVersion }, core });
      match(answer.error?.message ?? "", new RegExp(`${protocolVersion}.*1`));
    }
  });

  it("1009 approvalNotFound", async () => {
    const approvalId = "no-such-approval";
    for (const decision of ["allowOnce", "allowAlways", "denyOnce", "denyAlways"]) {
      const answer = await client.ask("approval/respond", { approvalId, decision });
      isError(answer, "approvalNotFound", { approvalId });
    }
    deepEqual((await client.call("approval/list")).approvals, []);
  });

  it("1011 notAChild, for whatever needs a run", async () => {
    const about = { sessionId: rootId };
    for (const method of ["session/run", "session/pause", "session/resume"]) {
      isError(await client.ask(method, about), "notAChild", about);
    }
    isError(await client.ask("session/send", { ...about, text: "x" }), "notAChild", about);
    isError(await client.ask("session/wait", { sessionIds: [rootId] }), "notAChild", about);
  });

  it("1006 storeUnavailable, with the cause, until the store works again", async () => {
    await client.call("tree/subscribe");
    const held = await spawned({ autoRun: false });
    const { storeFile } = await client.call("daemon/status");
    const database = await connect(storeFile, 1000);
    await database.query("BEGIN IMMEDIATE");
    const refused = await spawn();
    const { health, message } = await client.call("daemon/status");
    equal(health, "degraded");
    match(message, /locked by another program/);
    isError(refused, "storeUnavailable", { cause: message });
    isError(await spawn(), "storeUnavailable", { cause: message });
    isError(await client.ask("session/create", { cwd: "/" }), "storeUnavailable", {
      cause: message,
    });
    isError(await client.ask("session/run", { sessionId: held }), "storeUnavailable", {
      cause: message,
    });
    const send = await client.ask("session/send", { sessionId: held, text: "x" });
    isError(send, "storeUnavailable", { cause: message });
    await database.query("COMMIT");
    await database.close();
    await waitFor(() => client.of("daemon/statusChanged").length === 2, "the store to work again");
    deepEqual(client.of("daemon/statusChanged"), [
      { health: "degraded", message },
      { health: "ok" },
    ]);
    await spawned();
  });

  it("1012 shuttingDown, while the core stops", async () => {
    const id = await spawned({ prompt: "trap '' TERM; while :; do sleep 1; done" });
    await waitFor(async () => (await status(id)) === "running", "the run to start");
    const held = await spawned({ autoRun: false });
    const answers = [
      client.ask("daemon/stop", {}),
      spawn(),
      client.ask("session/create", { cwd: "/" }),
      client.ask("session/run", { sessionId: held }),
      client.ask("session/send", { sessionId: held, text: "x" }),
    ];
    const [stopped, ...refused] = await Promise.all(answers);
    deepEqual(stopped?.result, {});
    for (const answer of refused) isError(answer, "shuttingDown", {});
    await client.ended;
    // The other client's front starts another core as soon as something is asked.
    await anotherCore(wire.daemon);
  });
});
