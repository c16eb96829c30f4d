import assert from "node:assert/strict";
import { dirname } from "node:path";
import type { Keyv } from "keyv";
import { keyvOn } from "../../daemon/store/openStore.ts";
import { decodeValue, encodeValue } from "../../daemon/store/values.ts";
import { SqliteAdapter } from "../../daemon/store/sqliteAdapter.ts";
import { checkLeaks } from "../support/leaks.ts";
import { inFolder } from "../support/storeFixtures.ts";
import { logInto } from "../support/storeRecords.ts";

const all = { from: "", to: "\u{10ffff}" };

function withAdapter(use: (adapter: SqliteAdapter, keyv: Keyv) => Promise<void>): Promise<void> {
  return inFolder(async (file) => {
    const adapter = new SqliteAdapter(file);
    await adapter.opened;
    const keyv = keyvOn(adapter, logInto([]));
    try {
      await use(adapter, keyv);
    } finally {
      await adapter.disconnect();
    }
  });
}

describe("SQLite adapter", () => {
  checkLeaks();

  it("keeps the order of writes that nobody awaits", () =>
    withAdapter(async (adapter, keyv) => {
      const writes: Promise<unknown>[] = [];
      for (let round = 0; round < 100; round += 1) {
        const commit = { puts: [], deletes: [`b/${round}`], sync: "normal" as const };
        writes.push(
          adapter.set(`a/${round}`, "1"),
          adapter.delete(`a/${round}`),
          adapter.setMany([{ key: `a/${round}`, value: "2" }]),
          adapter.set(`b/${round}`, "1"),
          adapter.commit(commit),
          adapter.set(`c/${round}`, "1"),
          adapter.deleteMany([`c/${round}`]),
          keyv.set(`d/${round}`, 1),
          keyv.set(`d/${round}`, 2),
        );
      }
      await Promise.all(writes);
      const rows = await adapter.range(all, 10_000);
      const values = (prefix: string) =>
        rows.filter(({ key }) => key.startsWith(prefix)).map(({ value }) => value);
      assert.deepEqual(
        ["a/", "b/", "c/", "d/"].map((prefix) => [
          values(prefix).length,
          ...new Set(values(prefix)),
        ]),
        [[100, "2"], [0], [0], [100, '{"value":2}']],
      );
    }));

  it("stores many rows through Keyv as a whole or not at all", () =>
    withAdapter(async (adapter, keyv) => {
      await adapter.query(
        "CREATE TRIGGER refuse BEFORE INSERT ON keyv WHEN new.key = 'k/999' " +
          "BEGIN SELECT raise(ABORT, 'refused'); END",
      );
      const entries = Array.from({ length: 1000 }, (_, n) => ({ key: `k/${n}`, value: n }));
      await assert.rejects(keyv.setMany(entries), /SQLITE_CONSTRAINT: refused/);
      assert.deepEqual(await adapter.rangeKeys(all, 10), []);
      await keyv.setMany(entries.slice(0, 999));
      assert.equal((await adapter.rangeKeys(all, 10_000)).length, 999);
    }));

  it("writes what Keyv reads and reads what Keyv writes", () =>
    withAdapter(async (adapter, keyv) => {
      const value = { text: ':"\0\ud800 äöü 𝄞', list: [1, null], nested: { yes: true } };
      await adapter.commit({ puts: [["a", encodeValue(value)]], deletes: [], sync: "full" });
      await keyv.set("b", value);
      await keyv.set("c", ":base64:text");
      assert.deepEqual(await keyv.get("a"), value);
      const [a, b, c] = await adapter.range(all, 10);
      assert.equal(b?.value, a?.value);
      assert.equal(decodeValue(c?.value ?? ""), ":base64:text");
    }));

  it("reads ranges by key, forwards and backwards, whatever is in the keys", () =>
    withAdapter(async (adapter) => {
      const stored = ["p/%/1", "p/%/2", "p/_/1", "p/_/2", "p/a/1", "p/ab/1"];
      const puts = stored.map((key): [string, string] => [key, encodeValue(key)]);
      await adapter.commit({ puts, deletes: [], sync: "full" });
      const read = (prefix: string, limit: number, reverse: boolean) =>
        adapter.rangeKeys({ from: `p/${prefix}/`, to: `p/${prefix}0` }, limit, { reverse });
      assert.deepEqual(await read("%", 10, false), ["p/%/1", "p/%/2"]);
      assert.deepEqual(await read("_", 10, true), ["p/_/2", "p/_/1"]);
      assert.deepEqual(await read("_", 1, true), ["p/_/2"]);
      assert.deepEqual(await read("a", 10, false), ["p/a/1"]);
      assert.equal(await adapter.deleteRange({ from: "p/_/", to: "p/_0" }, 1), 1);
      assert.deepEqual(
        await adapter.rangeKeys(all, 10),
        stored.filter((key) => key !== "p/_/1"),
      );
    }));

  it("stores a commit of 5,000 rows and deletes, and only the last value of each", () =>
    withAdapter(async (adapter) => {
      const puts = Array.from({ length: 5000 }, (_, n): [string, string] => [`k/${n}`, "old"]);
      await adapter.commit({ puts, deletes: [], sync: "full" });
      await adapter.commit({
        puts: puts.slice(0, 2500).map(([key]): [string, string] => [key, "new"]),
        deletes: puts.slice(2500).map(([key]) => key),
        sync: "normal",
      });
      const rows = await adapter.range(all, 10_000);
      assert.deepEqual(
        [rows.length, new Set(rows.map((row) => row.value))],
        [2500, new Set(["new"])],
      );
    }));

  it("rejects where the file cannot be opened, and ends nothing else", () =>
    inFolder(async (file) => {
      // A folder, and a path in a folder that is not there.
      for (const path of [dirname(file), `${file}/no/such/folder`]) {
        const adapter = new SqliteAdapter(path);
        await assert.rejects(adapter.opened, /SQLITE_CANTOPEN/);
        await assert.rejects(adapter.set("k", "v"), /SQLITE_CANTOPEN/);
        await assert.rejects(adapter.range(all, 1), /SQLITE_CANTOPEN/);
      }
    }));
});
