import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { systemClock } from "../../daemon/base/clock.ts";
import { connect } from "../../daemon/store/connection.ts";
import { keyvOn, openStore } from "../../daemon/store/openStore.ts";
import { openSessionStore, type Store } from "../../daemon/store/sessionStore.ts";
import { checkLeaks } from "../support/leaks.ts";
import { fillDisk, withGroup, withStore } from "../support/storeFixtures.ts";
import {
  logInto,
  testApproval,
  testRule,
  testCompletion,
  testEvent,
  testSession,
  type LogLine,
} from "../support/storeRecords.ts";
import { waitFor } from "../support/waitFor.ts";

/** Gives a session its header and events 1 to `count`, each with `text`. */
async function fill(store: Store, sessionId: string, count: number, text: string): Promise<void> {
  await store.write({ headers: [testSession(sessionId)], durability: "durable" });
  for (let first = 1; first <= count; first += 1000) {
    const events = Array.from({ length: Math.min(1000, count - first + 1) }, (_, n) => ({
      sessionId,
      event: testEvent(first + n, text),
    }));
    assert.equal(await store.write({ events, durability: "lazy" }), true);
  }
}

/** Changes the file behind the store's back, as damage or another program would. */
async function change(file: string, sql: string): Promise<void> {
  const connection = await connect(file, 1000);
  await connection.query(sql);
  await connection.close();
}

async function withFile(file: string, use: (store: Store) => Promise<void>): Promise<void> {
  const store = await openStore({ uri: `sqlite://${file}`, log: logInto([]), clock: systemClock });
  try {
    await use(store);
  } finally {
    await store.close();
  }
}

async function rowCount(file: string, where: string): Promise<unknown> {
  const connection = await connect(file, 1000);
  const [row] = await connection.query(`SELECT count(*) AS rows FROM keyv WHERE ${where}`);
  await connection.close();
  return row?.["rows"];
}

describe("store of sessions", () => {
  checkLeaks();

  it("answers with what was written, also after it was closed", () =>
    withStore(async (opened, reopen) => {
      const one = { ...testSession("one"), requestKey: "key", completionSeq: 7, started: true };
      const message = { n: 1, at: 5, role: "user" as const, text: "Do it.\u0000\ud800" };
      const processes = [
        { runId: "run", pid: 10, startTime: "123" },
        { runId: "run", pid: 11, startTime: "124" },
      ];
      await opened.write({
        headers: [one, testSession("two")],
        events: [1, 2, 3].map((seq) => ({ sessionId: "one", event: testEvent(seq) })),
        messages: [{ sessionId: "one", message }],
        completion: testCompletion(7),
        blobs: [
          { sessionId: "one", blobId: "b", part: 0, text: "first " },
          { sessionId: "one", blobId: "b", part: 1, text: "second" },
        ],
        processes,
        approvals: [testApproval("a"), testApproval("b")],
        approvalRules: [testRule("p"), testRule("q")],
        metadata: { told: { answer: 42 } },
        durability: "durable",
      });
      const check = async (store: Store) => {
        assert.deepEqual(await store.loadHeaders(), {
          sessions: [one, testSession("two")],
          unreadable: [],
        });
        assert.deepEqual(await store.events("one", 1, 10), [testEvent(2), testEvent(3)]);
        assert.deepEqual(await store.events("one", 0, 1), [testEvent(1)]);
        assert.deepEqual(await store.events("on", 0, 10), []);
        assert.deepEqual(await store.messages("one", 0, 10), [message]);
        assert.deepEqual(await store.messages("one", 1, 10), []);
        assert.deepEqual(await store.completions(6, 10), [testCompletion(7)]);
        assert.deepEqual(await store.completions(7, 10), []);
        assert.deepEqual(
          [
            await store.lastEventSeq("one"),
            await store.lastEventSeq("two"),
            await store.lastCompletionSeq(),
            await store.blobPart("one", "b", 1),
            await store.blobPart("one", "b", 2),
            await store.getMeta("told"),
            await store.getMeta("untold"),
          ],
          [3, 0, 7, "second", undefined, { answer: 42 }, undefined],
        );
        assert.deepEqual(await store.processes(), processes);
        assert.deepEqual(await store.approvals(), [testApproval("a"), testApproval("b")]);
        assert.deepEqual(await store.approvalRules(), [testRule("p"), testRule("q")]);
      };
      await check(opened);
      const store = await reopen();
      await check(store);
      // The run was started by another core, as far as this one knows.
      const more = { runId: "run", pid: 12, startTime: "125" };
      void store.write({ processes: [more], durability: "durable" });
      await store.write({ endedRuns: ["run"], endedApprovals: ["a"], durability: "durable" });
      assert.deepEqual(await store.processes(), []);
      assert.deepEqual(await store.approvals(), [testApproval("b")]);
      const used = { ...testRule("q"), uses: 1 };
      const write = { approvalRules: [used], removedApprovalRules: ["p"] };
      await store.write({ ...write, durability: "durable" });
      assert.deepEqual(await store.approvalRules(), [used]);
    }));

  it("replays 60,000 events in order and without a gap", () =>
    withStore(async (store) => {
      await fill(store, "one_", 60_000, "x");
      await fill(store, "one%", 10, "x");
      await fill(store, "one", 10, "x");
      let after = 0;
      for (;;) {
        const events = await store.events("one_", after, 1000);
        assert.deepEqual(
          events.map(({ seq }) => seq),
          Array.from({ length: events.length }, (_, n) => after + n + 1),
        );
        if (events.length === 0) break;
        after += events.length;
      }
      assert.equal(after, 60_000);
      assert.equal(await store.lastEventSeq("one_"), 60_000);
    }));

  it("loads the other sessions where a row cannot be read, and keeps that row", async () => {
    const lines: LogLine[] = [];
    await withStore(async (first, reopen) => {
      for (const id of ["a", "b", "c", "d"]) await fill(first, id, 3, "x");
      await first.close();
      await change(first.file, "UPDATE keyv SET value='{\"value\":{' WHERE key='h/b'");
      await change(first.file, "UPDATE keyv SET value='{\"value\":5}' WHERE key='h/c'");
      await change(first.file, "UPDATE keyv SET value='' WHERE key LIKE 's/a/e/%2'");
      const store = await reopen();
      const { sessions, unreadable } = await store.loadHeaders();
      assert.deepEqual(sessions, [testSession("a"), testSession("d")]);
      assert.deepEqual(
        unreadable.map(({ key, cause }) => [key, cause.length > 0]),
        [
          ["h/b", true],
          ["h/c", true],
        ],
      );
      assert.deepEqual(await store.events("a", 0, 10), [testEvent(1, "x"), testEvent(3, "x")]);
      assert.equal((await store.loadHeaders()).unreadable.length, 2);
    }, lines);
    assert.equal(lines.length, 1);
  });

  it("removes sessions while appends go on, and gives their space back", () =>
    withStore(async (store) => {
      await fill(store, "kept", 10, "x");
      await fill(store, "a", 20_000, "x".repeat(1000));
      await fill(store, "a_", 10, "x");
      await fill(store, "b", 500, "x");
      const before = await store.bytes();
      assert.ok(before > 20_000_000, `${before} bytes`);
      let [appended, deleted] = [10, false];
      const append = async () => {
        while (!deleted) {
          appended += 1;
          const event = testEvent(appended, "x");
          const events = [{ sessionId: "kept", event }];
          assert.equal(await store.write({ events, durability: "lazy" }), true);
        }
      };
      const deletion = store.deleteSessions(["a", "b"]).finally(() => (deleted = true));
      await Promise.all([append(), deletion]);
      assert.ok(appended > 100, `only ${appended} appends`);
      assert.equal(await store.lastEventSeq("kept"), appended);
      assert.deepEqual([await store.lastEventSeq("a"), await store.lastEventSeq("b")], [0, 0]);
      assert.equal(await store.lastEventSeq("a_"), 10);
      const { sessions } = await store.loadHeaders();
      assert.deepEqual(
        sessions.map(({ session }) => session.id),
        ["a_", "kept"],
      );
      const after = await store.bytes();
      assert.ok(after < before / 10, `${after} of ${before} bytes are left`);
      assert.ok(statSync(store.file).size < before / 10);
      assert.equal(await rowCount(store.file, "key LIKE 'd/%'"), 0);
    }));

  it("goes on with a removal that a dead core began", () =>
    withStore(async (first, reopen) => {
      for (const id of ["a", "b"]) await fill(first, id, 300, "x");
      await first.close();
      // What the first step of a removal leaves behind.
      await change(first.file, "DELETE FROM keyv WHERE key='h/a'");
      await change(first.file, "INSERT INTO keyv VALUES ('d/a', '{\"value\":true}')");
      const store = await reopen();
      // Resolves behind what the start has begun.
      await store.deleteSessions(["b"]);
      await reopen();
      assert.equal(await rowCount(store.file, "key LIKE 's/%' OR key LIKE 'd/%'"), 0);
    }));

  it("stops a removal when it is closed, and ends it at the next start", () =>
    withStore(async (first, reopen) => {
      await fill(first, "a", 4000, "x");
      const deletion = first.deleteSessions(["a"]);
      await first.flush();
      let store = await reopen();
      await deletion;
      while ((await store.lastEventSeq("a")) > 0) store = await reopen();
      assert.deepEqual((await store.loadHeaders()).sessions, []);
    }));

  it("removes sessions on a full disk, so that what was kept is stored", () =>
    withGroup(async (parts) => {
      const log = logInto(parts.logged);
      const store = await openSessionStore({ ...parts, keyv: keyvOn(parts.adapter, log), log });
      await fill(store, "old", 2000, "x".repeat(500));
      await fillDisk(parts);
      const write = (sessionId: string) =>
        store.write({
          headers: [testSession(sessionId)],
          events: [{ sessionId, event: testEvent(5000, "x".repeat(100_000)) }],
          durability: "durable",
        });
      assert.deepEqual(await Promise.all([write("old"), write("new")]), [false, false]);
      await store.deleteSessions(["old"]);
      await waitFor(() => store.health.ok && store.pendingBytes === 0, "the store to recover");
      await store.close();
      await withFile(store.file, async (reopened) => {
        const { sessions } = await reopened.loadHeaders();
        assert.deepEqual(
          sessions.map(({ session }) => session.id),
          ["new"],
        );
        assert.equal(await reopened.lastEventSeq("new"), 5000);
        await waitFor(async () => (await reopened.lastEventSeq("old")) === 0, "the rows to go");
      });
    }));

  it("says so when its file turns out to be damaged, and sets it aside at the next start", () =>
    withStore(async (first, reopen) => {
      await fill(first, "one", 5000, "x".repeat(100));
      const store = await reopen();
      const bytes = readFileSync(store.file);
      writeFileSync(store.file, bytes.fill(0xab, 4096));
      assert.equal(
        await store.write({ headers: [testSession("two")], durability: "durable" }),
        false,
      );
      assert.match(
        store.health.ok ? "" : store.health.cause,
        /store\.sqlite is damaged \(SQLITE_CORRUPT: .*\): stop the core with `offshoot stop`/,
      );
      assert.ok(existsSync(`${store.file}.suspect`));
      const made = await reopen();
      assert.match(made.setAside ?? "", /store\.sqlite\.corrupt\.\d+$/);
      assert.deepEqual((await made.loadHeaders()).sessions, []);
      assert.equal(existsSync(`${made.file}.suspect`), false);
    }));

  it("prunes completions, but for the newest, from whose number the next one counts", () =>
    withStore(async (opened, reopen) => {
      for (let n = 1; n <= 500; n += 1) {
        void opened.write({ completion: testCompletion(n), durability: "lazy" });
      }
      await opened.flush();
      await opened.pruneCompletions(300);
      assert.deepEqual((await opened.completions(0, 1))[0], testCompletion(300));
      await opened.pruneCompletions(10_000);
      const store = await reopen();
      assert.deepEqual(await store.completions(0, 10), [testCompletion(500)]);
      assert.equal(await store.lastCompletionSeq(), 500);
    }));
});
