import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { StoredSession } from "../../daemon/sessions/records.ts";
import { offshoot, startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { gate, outcome, refusal, sessionOf, until } from "../support/runs.ts";

/** A root, a child below it and a grandchild, in a folder of their own. */
interface Family {
  readonly root: string;
  readonly child: string;
  readonly grandchild: string;
}

type Damage = (family: Family, store: Rows) => void;

/** The rows of a store that no core has open. */
interface Rows {
  set(key: string, value: string): void;
  /** Writes a session's header with other content. */
  change(sessionId: string, changed: (record: StoredSession) => object): void;
  remove(key: string): void;
  /** All headers, by their keys. */
  headers(): Map<string, string>;
}

/** Each damages the header of a family's child, unless the name says otherwise. */
const damages: Record<string, Damage> = {
  "is not JSON": ({ child }, store) => store.set(`h/${child}`, '{"value":{'),
  "is another value": ({ child }, store) => store.set(`h/${child}`, '{"value":5}'),
  "has an unknown state": ({ child }, store) =>
    store.change(child, (record) => ({ session: { ...record.session, status: "dreaming" } })),
  "has no limits": ({ child }, store) =>
    store.change(child, ({ session: { limits: _gone, ...session } }) => ({ session })),
  "has an end that is none": ({ child }, store) => store.change(child, () => ({ ending: {} })),
  "says another depth": ({ child }, store) =>
    store.change(child, ({ session }) => ({ session: { ...session, depth: 7 } })),
  "hangs below itself": ({ child }, store) =>
    store.change(child, ({ session }) => ({ session: { ...session, parentId: session.id } })),
  "hangs below its own child": ({ child, grandchild }, store) =>
    store.change(child, ({ session }) => ({ session: { ...session, parentId: grandchild } })),
  "names another root": ({ child }, store) =>
    store.change(child, ({ session }) => ({ session: { ...session, rootId: child } })),
  "has no parent": ({ root }, store) => store.remove(`h/${root}`),
  "has a parent that is not JSON": ({ root }, store) => store.set(`h/${root}`, "x"),
  "has a root with a parent": ({ root, child }, store) =>
    store.change(root, ({ session }) => ({ session: { ...session, parentId: child } })),
  "has a root that names another": ({ root, child }, store) =>
    store.change(root, ({ session }) => ({ session: { ...session, rootId: child } })),
};

describe("a store with records that are damaged or contradict each other", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  beforeEach(async () => {
    daemon = startDaemon();
    client = await daemon.client();
  });
  afterEach(() => daemon.stop());

  async function family(name: string, prompt = "true"): Promise<Family> {
    const cwd = join(daemon.work, name);
    mkdirSync(cwd);
    const child = await client.shell(prompt, { cwd, autoRun: prompt !== "true" });
    const grandchild = await client.shell("true", { cwd, parentId: child, autoRun: false });
    return { root: (await sessionOf(client, child)).rootId, child, grandchild };
  }

  /** Ends the core as a crash does, changes its store, and starts the next core. */
  async function reopened(change: (store: Rows) => void): Promise<TestClient> {
    await daemon.corePid();
    await client.crash();
    await daemon.killCore();
    withRows(change);
    return await daemon.client();
  }

  function withRows<Result>(use: (store: Rows) => Result): Result {
    const database = new DatabaseSync(join(daemon.folder, "store.sqlite"));
    try {
      return use(rowsOf(database));
    } finally {
      database.close();
    }
  }

  it("starts, sets them aside with what hangs below them, and goes on with all else", async () => {
    const well = await family("well");
    const families = new Map<string, Family>();
    for (const name of Object.keys(damages)) families.set(name, await family(name));
    let headers = new Map<string, string>();
    client = await reopened((store) => {
      for (const [name, damage] of Object.entries(damages)) {
        damage(families.get(name) ?? well, store);
      }
      headers = store.headers();
    });
    const { sessions } = await client.call("session/list", { limit: 1000 });
    const left = new Set(sessions.map(({ id }) => id));
    const log = daemon.log();
    for (const [name, { root, child, grandchild }] of families) {
      deepEqual([name, left.has(child), left.has(grandchild)], [name, false, false]);
      equal((await refusal(client.call("session/get", { sessionId: child }))).code, 1001, name);
      ok(log.includes(`h/${child}`) && log.includes(`h/${grandchild}`), `${name} is in the log`);
      const isRootDamaged = /parent|root with|root that/.test(name);
      equal(left.has(root), !isRootDamaged, name);
    }
    for (const id of [well.root, well.child, well.grandchild]) ok(left.has(id));
    const status = await client.call("daemon/status", {});
    equal(status.health, "degraded");
    const aside = headers.size - sessions.length;
    match(status.message ?? "", new RegExp(`^${aside} stored sessions are set aside`));
    const { stdout } = await offshoot(["doctor"], daemon.environment, daemon.work);
    match(stdout, new RegExp(`${aside} stored sessions are set aside`));

    // What is sound goes on, also below a root that has lost a child.
    const before = families.get("is not JSON") ?? well;
    const next = await client.shell("echo next", { parentId: before.root });
    equal((await client.completion(next)).status, "completed");
    await client.call("session/delete", { sessionId: well.root });
    await client.call("daemon/prune", { maxAgeMs: 0 });
    await client.crash();
    await daemon.stopCore();
    const after = withRows((store) => store.headers());
    for (const [key, value] of headers) {
      if (!left.has(key.slice(2))) equal(after.get(key), value, `${key} is as it was`);
    }
    client = await daemon.client();
  });

  it("starts although a run was live below what is damaged, and ends its processes", async () => {
    const held = gate(daemon.work);
    const { root, child } = await family("live", held.wait);
    const { child: other } = await family("other", held.wait);
    await held.reached(2);
    await until(client, child, "running");
    client = await reopened((store) => store.set(`h/${root}`, '{"value":{'));
    equal((await refusal(client.call("session/get", { sessionId: child }))).code, 1001);
    equal((await sessionOf(client, other)).status, "interrupted");
    const id = await client.shell("echo next");
    deepEqual(outcome(await client.completion(id)), ["completed"]);
  });

  it("starts although rows of every other kind are damaged", async () => {
    const held = gate(daemon.work);
    const ended = await client.shell("echo one");
    await client.completion(ended);
    const live = await client.shell(`echo two; ${held.wait}`);
    await held.reached();
    const { rootId } = await sessionOf(client, live);
    const values = ["nonsense", '{"value":null}', '{"value":{}}', '{"value":[]}', '{"value":"x"}'];
    for (const value of values) {
      client = await reopened((store) => {
        const keys = [
          ...["c/00000000000001", "c/x", "m/lastApproval", "m/x", "d/x", "d/"],
          ...["a/x", "p/x", "r/x/1", "r/x", "r/"],
          ...[`s/${ended}/e/000000000001`, `s/${ended}/m/00000001`, `s/${ended}/b/x/000000`],
          ...[`s/${live}/e/000000000001`, `s/${live}/m/00000001`, `s/${live}/e/x`],
          ...["s/x/e/000000000001", "unknown"],
        ];
        for (const key of keys) store.set(key, value);
      });
      equal((await sessionOf(client, live)).status, "interrupted");
      deepEqual((await client.call("approval/rules", {})).rules, []);
      await client.call("session/events", { sessionId: ended });
      await client.call("session/messages", { sessionId: ended });
      const next = await client.shell("echo next", { parentId: rootId });
      ok(Number.isSafeInteger((await client.completion(next)).completionSeq), value);
      await client.call("tree/subscribe", { events: "all", afterCompletion: 0 });
    }
  });
});

function rowsOf(database: DatabaseSync): Rows {
  const set: Rows["set"] = (key, value) =>
    void database.prepare("INSERT OR REPLACE INTO keyv VALUES (?, ?)").run(key, value);
  const read = (key: string) =>
    String(database.prepare("SELECT value FROM keyv WHERE key = ?").get(key)?.["value"]);
  return {
    set,
    change(sessionId, changed) {
      const { value } = JSON.parse(read(`h/${sessionId}`)) as { value: StoredSession };
      set(`h/${sessionId}`, JSON.stringify({ value: { ...value, ...changed(value) } }));
    },
    remove: (key) => void database.prepare("DELETE FROM keyv WHERE key = ?").run(key),
    headers: () =>
      new Map(
        database
          .prepare("SELECT key, value FROM keyv WHERE key LIKE 'h/%'")
          .all()
          .map(({ key, value }) => [String(key), String(value)]),
      ),
  };
}
