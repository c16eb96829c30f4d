import assert from "node:assert/strict";
import type { Mutation } from "../../daemon/store/groupCommit.ts";
import { checkLeaks } from "../support/leaks.ts";
import { fillDisk, freeDisk, withGroup, type GroupParts } from "../support/storeFixtures.ts";
import { waitFor } from "../support/waitFor.ts";

const all = { from: "k/", to: "k0" };

const put = (key: string, value: unknown, durability: Mutation["durability"] = "durable") => ({
  puts: [[`k/${key}`, value]] as Mutation["puts"],
  durability,
});

const storedKeys = async ({ adapter }: GroupParts) =>
  (await adapter.rangeKeys(all, 100_000)).map((key) => key.slice(2));

/** Makes every insert of a key that contains `poison` fail, as a value that SQLite refuses does. */
const poison = ({ adapter }: GroupParts) =>
  adapter.query(
    "CREATE TRIGGER poison BEFORE INSERT ON keyv WHEN new.key LIKE '%poison%' " +
      "BEGIN SELECT raise(ABORT, 'poisoned'); END",
  );

const large = "x".repeat(100_000);

describe("group commit", () => {
  checkLeaks();

  it("tells in the order of the calls, after the commit, and resolves with the same", () =>
    withGroup(async (parts) => {
      const { group } = parts;
      const told: number[] = [];
      const writes = Array.from({ length: 5000 }, (_, n) =>
        group.write(put(String(n % 7), n, n % 3 === 0 ? "durable" : "lazy"), {
          decided(stored) {
            assert.equal(stored, true);
            told.push(n);
          },
        }),
      );
      assert.deepEqual(new Set(await Promise.all(writes)), new Set([true]));
      assert.deepEqual(
        told,
        Array.from({ length: 5000 }, (_, n) => n),
      );
      const rows = await parts.adapter.range(all, 10);
      assert.deepEqual(
        rows.map(({ value }) => value),
        [4998, 4999, 4993, 4994, 4995, 4996, 4997].map((value) => JSON.stringify({ value })),
      );
      assert.equal(group.pendingBytes, 0);
    }));

  it("puts what arrives during a commit into the next one, and never splits a mutation", () =>
    withGroup(async ({ group, commits }) => {
      const many = (first: number): Mutation => ({
        puts: Array.from({ length: 5000 }, (_, n) => [`k/${first + n}`, n]),
        durability: "lazy",
      });
      await Promise.all([0, 5000, 10_000, 15_000].map((first) => group.write(many(first))));
      assert.deepEqual(
        commits.map(({ puts, sync }) => [puts.length, sync]),
        [
          [15_000, "normal"],
          [5000, "normal"],
        ],
      );
      commits.length = 0;
      await Promise.all(Array.from({ length: 2500 }, (_, n) => group.write(put(String(n), n))));
      assert.deepEqual(
        commits.map(({ puts, sync }) => [puts.length, sync]),
        [
          [2000, "full"],
          [500, "full"],
        ],
      );
      commits.length = 0;
      const megabyte = "x".repeat(1_000_000);
      await Promise.all([1, 2, 3, 4, 5, 6].map((n) => group.write(put(String(n), megabyte))));
      assert.deepEqual(
        commits.map(({ puts }) => puts.length),
        [4, 2],
      );
    }));

  it("lets the last put or delete of a key win", () =>
    withGroup(async (parts) => {
      const { group } = parts;
      void group.write(put("a", 1));
      void group.write(put("b", 1));
      void group.write({ puts: [], deletes: ["k/a", "k/b"], durability: "durable" });
      await group.write(put("b", 2));
      assert.deepEqual(await storedKeys(parts), ["b"]);
    }));

  it("takes a value as it is at the call, and throws where it has no JSON form", () =>
    withGroup(async (parts) => {
      const value = { list: [1] };
      const written = parts.group.write(put("a", value));
      value.list.push(2);
      const circular: { self?: unknown } = {};
      circular.self = circular;
      for (const bad of [undefined, () => 1, 1n, circular]) {
        assert.throws(() => parts.group.write(put("bad", bad)), TypeError);
      }
      assert.equal(await written, true);
      const [row] = await parts.adapter.range(all, 10);
      assert.equal(row?.value, '{"value":{"list":[1]}}');
      assert.equal(parts.group.pendingBytes, 0);
    }));

  it("gives up one poisoned write and stores the others around it", () =>
    withGroup(async (parts) => {
      const { group, logged, healths } = parts;
      await poison(parts);
      const told: [string, boolean][] = [];
      const keys = ["a", "b", "poison", "c", "poison too", "d"];
      const answers = await Promise.all(
        keys.map((key) =>
          group.write(put(key, 1), { decided: (stored) => told.push([key, stored]) }),
        ),
      );
      const expected = [true, true, false, true, false, true];
      assert.deepEqual(answers, expected);
      assert.deepEqual(
        told,
        keys.map((key, place) => [key, expected[place]]),
      );
      assert.deepEqual(await storedKeys(parts), ["a", "b", "c", "d"]);
      assert.deepEqual([group.health, healths], [{ ok: true }, []]);
      assert.deepEqual(
        logged.map(({ level, facts }) => [level, "keys" in facts && facts.keys]),
        [
          ["error", ["k/poison"]],
          ["error", ["k/poison too"]],
        ],
      );
    }));

  it("survives a callback that throws, and one that writes", () =>
    withGroup(async (parts) => {
      const { group, logged } = parts;
      const inside: Promise<boolean>[] = [];
      const thrown = group.write(put("a", 1), {
        decided() {
          inside.push(group.write(put("b", 1)));
          throw new Error("a fault of the caller");
        },
      });
      assert.deepEqual([await thrown, await group.write(put("c", 1))], [true, true]);
      assert.deepEqual(await Promise.all(inside), [true]);
      assert.deepEqual(await storedKeys(parts), ["a", "b", "c"]);
      assert.equal(logged.length, 1);
    }));

  it("says on a full disk what is not stored, keeps it in order, and stores it later", () =>
    withGroup(async (parts) => {
      const { group, healths } = parts;
      const told: string[] = [];
      const write = (key: string, value: unknown) =>
        group.write(put(key, value), {
          decided: (stored) => told.push(`${key} ${stored ? "stored" : "kept"}`),
          storedLater: () => told.push(`${key} stored later`),
        });
      await write("a", 0);
      await fillDisk(parts);
      const answers = await Promise.all([write("b", large), write("c", 1), write("a", 1)]);
      assert.deepEqual(answers, [false, false, false]);
      assert.match(
        group.health.ok ? "" : group.health.cause,
        /^no space left on device for .*store\.sqlite \(\d+ MB free\): free some space/,
      );
      assert.deepEqual(await Promise.all([write("d", 1), write("a", 2)]), [false, false]);
      assert.ok(group.pendingBytes > large.length);
      assert.deepEqual(await storedKeys(parts), ["a"]);
      // Everything is answered, so there is nothing to wait for.
      await group.flush();

      await freeDisk(parts);
      await waitFor(() => group.health.ok && group.pendingBytes === 0, "the store to recover");
      assert.equal(await write("e", 1), true);
      assert.deepEqual(told, [
        "a stored",
        ...["b", "c", "a", "d", "a"].map((key) => `${key} kept`),
        ...["b", "c", "a", "d", "a"].map((key) => `${key} stored later`),
        "e stored",
      ]);
      assert.deepEqual(await storedKeys(parts), ["a", "b", "c", "d", "e"]);
      assert.equal((await parts.adapter.range(all, 1))[0]?.value, '{"value":2}');
      assert.deepEqual(
        healths.map(({ ok }) => ok),
        [false, true],
      );
    }));

  it("stores the small writes of a group before the one that the disk has no room for", () =>
    withGroup(async (parts) => {
      await parts.group.write(put("a", 0));
      await fillDisk(parts);
      const writes = [put("a", 1), put("b", large), put("a", 2)];
      const answers = await Promise.all(writes.map((mutation) => parts.group.write(mutation)));
      assert.deepEqual(answers, [true, false, false]);
      await freeDisk(parts);
    }));

  it("drops on a full disk what is to be given up, and finds out itself when it is over", () =>
    withGroup(async (parts) => {
      const { group, healths } = parts;
      const told: string[] = [];
      const refusable = (key: string, value: unknown) =>
        group.write(put(key, value), {
          ifFailing: "refuse",
          decided: (stored) => told.push(`${key} ${stored}`),
          storedLater: () => told.push(`${key} later`),
        });
      await fillDisk(parts);
      assert.equal(await refusable("a", large), false);
      assert.equal(await refusable("b", 1), false);
      assert.equal(group.pendingBytes, 0);
      await freeDisk(parts);
      await waitFor(() => group.health.ok, "the store to recover");
      assert.equal(await refusable("c", large), true);
      assert.deepEqual(await storedKeys(parts), ["c"]);
      assert.deepEqual(told, ["a false", "b false", "c true"]);
      assert.deepEqual(await parts.adapter.rangeKeys({ from: "m/", to: "m0" }, 10), []);
      assert.deepEqual(
        healths.map(({ ok }) => ok),
        [false, true],
      );
    }));

  it("stores what waits when it is closed, tries kept writes once more, and takes no others", () =>
    withGroup(async (parts) => {
      const { group, logged } = parts;
      const last = Array.from({ length: 3000 }, (_, n) => group.write(put(`${n}`, n, "lazy")));
      await fillDisk(parts);
      const kept = group.write(put("large", "x".repeat(10_000_000)));
      await group.close();
      const stored = (await Promise.all(last)).filter(Boolean).length;
      assert.equal((await storedKeys(parts)).length, stored);
      assert.equal(await kept, false);
      assert.match(logged.at(-1)?.sentence ?? "", /lost/);
      assert.equal(await group.write(put("late", 1)), false);
    }));
});
