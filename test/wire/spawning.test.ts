import { deepEqual, equal, ok } from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Session, isTerminal } from "../../protocol/session.ts";
import type { RawClient } from "../support/rawClient.ts";
import { waitFor } from "../support/waitFor.ts";
import { restartCore, upTo, wireSuite } from "../support/wire.ts";

describe("wire: session/spawn and what becomes of it", () => {
  const wire = wireSuite({ concurrency: { total: 2, perRoot: 2 } });

  async function opened(folder?: string): Promise<RawClient> {
    const client = await wire.socket();
    const uri = pathToFileURL(folder ?? wire.daemon.work).href;
    await client.open({}, { workspaceFolders: [{ uri, name: "work" }] });
    return client;
  }
  const held = (client: RawClient, params: object) =>
    client.call("session/spawn", { autoRun: false, ...params }).then(({ session }) => session);
  const get = async (client: RawClient, sessionId: string): Promise<Session> =>
    (await client.call("session/get", { sessionId })).session;

  it("takes the title from the first line of the prompt, cut to 60 characters", async () => {
    const client = await opened();
    const long = "ä\u{1F600}".repeat(50);
    const titles: [prompt: string, title: string][] = [
      ["one line", "one line"],
      ["first\nsecond", "first"],
      ["\n\n  third \r\nfourth", "third"],
      ["x".repeat(60), "x".repeat(60)],
      ["x".repeat(61), `${"x".repeat(59)}…`],
      [`${"x".repeat(58)} more`, `${"x".repeat(58)}…`],
      [long, `${"ä\u{1F600}".repeat(29)}ä…`],
      [" ", ""],
    ];
    for (const [prompt, title] of titles) equal((await held(client, { prompt })).title, title);
    equal((await held(client, { prompt: "x", title: "given" })).title, "given");
  });

  it("puts it under the root of the folder, made if there is none, or under the named parent", async () => {
    const folder = join(wire.daemon.work, "of-its-own");
    mkdirSync(folder);
    const client = await opened(folder);
    const [one, other] = await Promise.all([
      held(client, { prompt: "x" }),
      held(client, { prompt: "y", cwd: folder }),
    ]);
    equal(one.parentId, other.parentId);
    const root = await get(client, one.parentId);
    deepEqual(
      [root.kind, root.depth, root.parentId, root.rootId, root.cwd, root.title, root.status],
      ["root", 0, null, root.id, folder, "of-its-own", "created"],
    );
    const below = await held(client, { prompt: "z", parentId: one.id });
    deepEqual([below.parentId, below.rootId, below.depth, below.cwd], [one.id, root.id, 2, folder]);
  });

  it("answers with the session as it is stored: queued with its place, or created", async () => {
    const client = await opened();
    const parentId = (await client.call("session/create", { cwd: wire.daemon.work })).session.id;
    const sleeping = { prompt: "sleep 1000", parentId };
    for (let n = 0; n < 2; n += 1) await client.call("session/spawn", sleeping);
    await waitFor(async () => (await client.call("daemon/status")).running === 2, "two runs");
    const queued = await Promise.all(upTo(3).map(() => client.call("session/spawn", sleeping)));
    deepEqual(
      queued.map(({ session }) => [session.status, session.position]),
      [
        ["queued", 1],
        ["queued", 2],
        ["queued", 3],
      ],
    );
    const first = await client.call("session/spawn", { ...sleeping, priority: 1 });
    equal(first.session.position, 1);
    equal((await get(client, queued[2]?.session.id)).status, "queued");
    const created = await held(client, sleeping);
    deepEqual([created.status, created.version, created.runId], ["created", 1, undefined]);
    for (const { session } of [...queued, first, { session: created }]) {
      deepEqual(Session.parse(session), session);
    }
    await client.call("session/delete", { sessionId: parentId });
  });

  it("answers the same requestKey with the same session, also at once and after a restart", async () => {
    const clients = await Promise.all([opened(), opened(), opened()]);
    const params = { prompt: "true", requestKey: "the key", cwd: wire.daemon.work };
    const answers = await Promise.all(
      upTo(12).map((n) =>
        (clients[n % 3] as RawClient).call("session/spawn", { ...params, title: `${n}` }),
      ),
    );
    const ids = new Set(answers.map(({ session }) => session.id));
    equal(ids.size, 1);
    const [id] = ids;
    await wire.client.call("session/wait", { sessionIds: [id] });
    await restartCore(wire);
    const later = await opened();
    const again = (await later.call("session/spawn", { ...params, prompt: "another" })).session;
    deepEqual([again.id, again.status], [id, "completed"]);
    const { messages } = await later.call("session/messages", { sessionId: id });
    equal(messages.length, 2);
  });

  it("shows fields of a state in that state only", async () => {
    const client = await opened();
    await client.call("tree/subscribe");
    const done = await client.call("session/spawn", { prompt: "echo x" });
    const failed = await client.call("session/spawn", { prompt: "exit 4" });
    const ids = [done.session.id, failed.session.id];
    await client.call("session/wait", { sessionIds: ids });
    const { sessions } = await client.call("session/list", { limit: 1000 });
    ok(sessions.length > 5);
    const told = client.of("session/changed").map(({ session }) => session);
    for (const session of [...sessions, ...told]) {
      deepEqual(Session.parse(session), session);
      ok(!("position" in session) || session.status === "queued");
      equal("endedAt" in session && "stored" in session, isTerminal(session));
    }
    const { error } = await get(client, ids[1] ?? "").then((one) => one as { error?: object });
    deepEqual(error, {
      code: "exit_nonzero",
      message: "exited with code 4",
      retryable: false,
      exitCode: 4,
    });
  });

  it("a snapshot that is too large leaves out what ended long ago, and says where to go on", async () => {
    const client = await opened();
    const title = "x".repeat(1024 * 1024);
    const parentId = (await client.call("session/create", { cwd: wire.daemon.work })).session.id;
    const { id: open } = await held(client, { prompt: "x", parentId, title: "open" });
    const below = await held(client, { prompt: "x", parentId: open, title });
    const ended: string[] = [];
    for (let n = 0; n < 14; n += 1) {
      const { id } = await held(client, { prompt: "x", parentId, title });
      await client.call("session/cancel", { sessionId: id });
      ended.push(id);
    }
    await client.call("session/wait", { sessionIds: ended });
    const snapshot = await client.call("tree/subscribe", { rootIds: [parentId] });
    const ids: string[] = snapshot.sessions.map(({ id }: Session) => id);
    deepEqual(ids.slice(0, 3), [parentId, open, below.id]);
    const newest = ids.slice(3);
    ok(newest.length > 3 && newest.length < 14, `${newest.length} of 14`);
    deepEqual(newest, ended.slice(-newest.length));
    const params = { rootId: parentId, cursor: snapshot.nextCursor };
    const { sessions } = await client.call("session/list", params);
    const older = sessions.filter((one: Session) => isTerminal(one)).map(({ id }: Session) => id);
    deepEqual([...older].reverse(), ended.slice(0, 14 - newest.length));
    await client.call("session/delete", { sessionId: parentId });
    equal((await client.call("tree/subscribe")).nextCursor, undefined);
  });
});
