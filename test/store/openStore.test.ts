import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import semver from "semver";
import sqlite3 from "sqlite3";
import { systemClock } from "../../daemon/base/clock.ts";
import { connect } from "../../daemon/store/connection.ts";
import { SCHEMA_VERSION, type Migration } from "../../daemon/store/databaseFile.ts";
import { StoreOpenError } from "../../daemon/store/faults.ts";
import { openStore } from "../../daemon/store/openStore.ts";
import { checkLeaks } from "../support/leaks.ts";
import { asOrdinaryUser, inFolder } from "../support/storeFixtures.ts";
import { logInto, testEvent, testSession, type LogLine } from "../support/storeRecords.ts";

const clock = { ...systemClock, now: () => 1234 };
const log = logInto([]);

const open = (file: string, migrations?: readonly Migration[]) =>
  openStore({ uri: `sqlite://${file}`, log, clock, ...(migrations && { migrations }) });

async function refusal(opening: Promise<unknown>): Promise<string> {
  try {
    await opening;
  } catch (error) {
    assert.ok(error instanceof StoreOpenError, String(error));
    return error.message;
  }
  throw new Error("the store was opened");
}

/** Runs statements on a file that is not open. */
async function change(file: string, ...statements: string[]): Promise<void> {
  const connection = await connect(file, 1000);
  for (const statement of statements) await connection.query(statement);
  await connection.close();
}

/** A store with one session, `events` events of 100 bytes and more, closed. */
async function makeStore(file: string, events = 0): Promise<void> {
  const store = await open(file);
  await store.write({
    headers: [testSession("one")],
    events: Array.from({ length: events }, (_, n) => ({
      sessionId: "one",
      event: testEvent(n + 1, "x".repeat(100)),
    })),
    durability: "durable",
  });
  await store.close();
}

async function sessionIds(file: string): Promise<string[]> {
  const store = await open(file);
  const { sessions } = await store.loadHeaders();
  await store.close();
  return sessions.map(({ session }) => session.id);
}

describe("opening the store", () => {
  checkLeaks();

  it("has a SQLite without the fault in its write-ahead log", () => {
    const { VERSION } = sqlite3 as typeof sqlite3 & { VERSION: string };
    assert.ok(semver.gte(VERSION, "3.51.3"));
  });

  it("makes folder and files for this user only, and keeps what is stored", () =>
    inFolder(async (root) => {
      const file = join(dirname(root), "new folder", "it's", "store.sqlite");
      const store = await open(file);
      await store.write({ headers: [testSession("one")], durability: "durable" });
      for (const name of readdirSync(dirname(file))) {
        assert.equal(statSync(join(dirname(file), name)).mode & 0o777, 0o600, name);
      }
      assert.equal(statSync(dirname(file)).mode & 0o777, 0o700);
      assert.deepEqual([store.file, store.setAside], [file, undefined]);
      await store.close();
      assert.deepEqual(readdirSync(dirname(file)), ["store.sqlite"]);
      assert.deepEqual(await sessionIds(file), ["one"]);
    }));

  it("refuses what is not SQLite, and paths that are not absolute", async () => {
    for (const uri of ["postgres://host/db", "/tmp/store.sqlite", "", "SQLITE:///x"]) {
      assert.equal(
        await refusal(openStore({ uri, log, clock })),
        `only SQLite is supported for now: use sqlite://PATH (got "${uri}")`,
      );
    }
    for (const uri of ["sqlite://store.sqlite", "sqlite://:memory:", "sqlite://"]) {
      assert.match(await refusal(openStore({ uri, log, clock })), /has to be absolute/);
    }
  });

  it("refuses a newer version, and leaves the file as it is", () =>
    inFolder(async (file) => {
      await makeStore(file);
      const newer = SCHEMA_VERSION + 1;
      await change(file, `PRAGMA user_version=${newer}`);
      const before = readFileSync(file);
      assert.equal(
        await refusal(open(file)),
        `${file} has version ${newer}, and this offshoot knows versions up to ${SCHEMA_VERSION}: ` +
          "update offshoot, or choose another state folder with --state-dir",
      );
      assert.deepEqual(readFileSync(file), before);
      assert.deepEqual(readdirSync(dirname(file)), ["store.sqlite"]);
    }));

  it("refuses a database of another program", () =>
    inFolder(async (file) => {
      await change(file, "CREATE TABLE theirs(x)");
      assert.equal(
        await refusal(open(file)),
        `${file} is a database of another program: choose another path for the store`,
      );
    }));

  it("backs an older version up and migrates it, once and in order", () =>
    inFolder(async (file) => {
      await makeStore(file, 10);
      const migrations = [
        ["CREATE TABLE second(x)", "INSERT INTO second VALUES (2)"],
        ["UPDATE second SET x = x + 1", "ALTER TABLE second RENAME TO third"],
      ];
      await (await open(file, migrations)).close();
      await (await open(file, migrations)).close();
      const backup = `${file}.v1.1234.backup`;
      assert.deepEqual(
        readdirSync(dirname(file)).map((name) => join(dirname(file), name)),
        [file, backup],
      );
      assert.equal(statSync(backup).mode & 0o777, 0o600);
      assert.deepEqual(await sessionIds(backup), ["one"]);
      const connection = await connect(file, 1000);
      assert.deepEqual(await connection.query("SELECT x FROM third"), [{ x: 3 }]);
      assert.deepEqual(await connection.query("PRAGMA user_version"), [{ user_version: 3 }]);
      await connection.close();
      assert.match(await refusal(open(file)), /has version 3, .* up to 1/);
    }));

  it("leaves the store at the last version that worked when a migration fails", () =>
    inFolder(async (file) => {
      await makeStore(file);
      const migrations = [["CREATE TABLE second(x)"], ["CREATE TABLE third(x)", "no SQL at all"]];
      assert.match(await refusal(open(file, migrations)), /syntax error/);
      const connection = await connect(file, 1000);
      assert.deepEqual(await connection.query("PRAGMA user_version"), [{ user_version: 2 }]);
      assert.deepEqual(
        await connection.query("SELECT name FROM sqlite_schema WHERE name='third'"),
        [],
      );
      await connection.close();
    }));

  it("brings a new store to the newest version without a backup", () =>
    inFolder(async (file) => {
      await (await open(file, [["CREATE TABLE second(x)"]])).close();
      assert.deepEqual(readdirSync(dirname(file)), ["store.sqlite"]);
      await change(file, "SELECT x FROM second");
    }));

  it("sets a file that is no database aside, and makes a new one", () =>
    inFolder(async (file) => {
      const lines: LogLine[] = [];
      writeFileSync(file, "this is no database, but somebody's text ".repeat(200));
      writeFileSync(`${file}-wal`, "and this is no log of it");
      const before = readFileSync(file);
      const store = await openStore({ uri: `sqlite://${file}`, log: logInto(lines), clock });
      const aside = `${file}.corrupt.1234`;
      assert.equal(store.setAside, aside);
      assert.deepEqual(readFileSync(aside), before);
      assert.equal(
        await store.write({ headers: [testSession("new")], durability: "durable" }),
        true,
      );
      await store.close();
      assert.deepEqual(
        lines.map(({ level, facts }) => [level, "aside" in facts && facts.aside]),
        [["error", aside]],
      );
      assert.deepEqual(await sessionIds(file), ["new"]);
    }));

  it("finds damage in the middle of a file", () =>
    inFolder(async (file) => {
      await makeStore(file, 5000);
      const bytes = readFileSync(file);
      assert.ok(bytes.length > 100 * 4096);
      bytes.fill(0xab, 40 * 4096, 60 * 4096);
      writeFileSync(file, bytes);
      const store = await open(file);
      assert.equal(store.setAside, `${file}.corrupt.1234`);
      assert.deepEqual((await store.loadHeaders()).sessions, []);
      await store.close();
      assert.deepEqual(readFileSync(store.setAside ?? ""), bytes);
    }));

  it("says so where another program keeps the file locked", () =>
    inFolder(async (file) => {
      await makeStore(file);
      const other = await connect(file, 1000);
      await other.query("PRAGMA locking_mode=EXCLUSIVE");
      await other.query("BEGIN EXCLUSIVE");
      assert.equal(
        await refusal(open(file)),
        `${file} is locked by another program: end the program that has it open`,
      );
      await other.close();
      assert.deepEqual(await sessionIds(file), ["one"]);
    }));

  it("names path and remedy where file or folder may not be written", function () {
    if (process.platform === "win32") return this.skip();
    return inFolder(async (file) => {
      const folder = dirname(file);
      await makeStore(file);
      const readOnly =
        `${file} cannot be written: make the file and its folder ${folder} writable for this ` +
        "user, or choose another state folder with --state-dir";
      chmodSync(file, 0o444);
      assert.equal(await asOrdinaryUser(folder, () => refusal(open(file))), readOnly);
      const missing = join(folder, "new", "other.sqlite");
      mkdirSync(dirname(missing));
      chmodSync(dirname(missing), 0o555);
      assert.match(
        await asOrdinaryUser(folder, () => refusal(open(missing))),
        /other\.sqlite cannot be made \(EACCES: .*\): make the folder .* writable for this user/,
      );
      chmodSync(dirname(missing), 0o700);
      chmodSync(file, 0o600);
      assert.deepEqual(await sessionIds(file), ["one"]);
    });
  });

  it("names the path where a folder stands in its place", () =>
    inFolder(async (file) => {
      mkdirSync(file);
      assert.match(await refusal(open(file)), /store\.sqlite cannot be opened: the folder/);
    }));
});
