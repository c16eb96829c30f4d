import assert from "node:assert/strict";
import * as keys from "../../daemon/store/keys.ts";
import { checkLeaks } from "../support/leaks.ts";

const isIn = (key: string, { from, to }: keys.KeyRange) => key >= from && key < to;

describe("keys of the store", () => {
  checkLeaks();

  it("sort as their numbers do", () => {
    const numbers = [1, 2, 9, 10, 99, 100, 1000, 99_999_999];
    for (const key of [
      (n: number) => keys.eventKey("s", n),
      (n: number) => keys.messageKey("s", n),
      (n: number) => keys.completionKey(n),
    ]) {
      const made = numbers.map(key);
      assert.deepEqual(made.toSorted(), made);
      assert.deepEqual(made.map(keys.numberOfKey), numbers);
    }
  });

  it("have the shapes that a stored file has", () => {
    assert.deepEqual(
      [
        keys.headerKey("s"),
        keys.eventKey("s", 7),
        keys.messageKey("s", 7),
        keys.blobPartKey("s", "b", 7),
        keys.completionKey(7),
        keys.processKey("r", 7),
        keys.approvalKey("a"),
        keys.approvalRuleKey("p"),
        keys.metadataKey("x"),
        keys.deletionKey("s"),
      ],
      [
        "h/s",
        "s/s/e/000000000007",
        "s/s/m/00000007",
        "s/s/b/b/000007",
        "c/00000000000007",
        "r/r/7",
        "a/a",
        "p/p",
        "m/x",
        "d/s",
      ],
    );
    assert.equal(keys.runIdOfProcessKey(keys.processKey("run", 12)), "run");
    assert.equal(keys.sessionIdOfKey(keys.headerKey("one")), "one");
  });

  it("of one session are in no range of another, whatever the ids look like", () => {
    const ids = ["a", "aa", "a_", "a%", "a0", "a.", "A", "%", "_", "ä"];
    for (const id of ids) {
      for (const other of ids) {
        for (const key of [
          keys.eventKey(other, 1),
          keys.messageKey(other, 1),
          keys.blobPartKey(other, "b", 0),
        ]) {
          assert.equal(isIn(key, keys.rowsOfSession(id)), id === other, `${key} in ${id}`);
        }
        assert.equal(isIn(keys.eventKey(other, 5), keys.eventsAfter(id, 4)), id === other);
        assert.equal(isIn(keys.messageKey(other, 5), keys.eventsAfter(id, 0)), false);
        assert.equal(isIn(keys.headerKey(other), keys.rowsOfSession(id)), false);
      }
    }
    assert.equal(isIn(keys.eventKey("a", 4), keys.eventsAfter("a", 4)), false);
    assert.equal(isIn(keys.completionKey(4), keys.completionsBefore(4)), false);
    assert.equal(isIn(keys.completionKey(3), keys.completionsBefore(4)), true);
    assert.equal(isIn(keys.completionKey(4), keys.completionsAfter(3)), true);
  });
});
