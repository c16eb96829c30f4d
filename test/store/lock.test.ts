import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { StoreOpenError } from "../../daemon/store/faults.ts";
import { acquireLock } from "../../daemon/store/lock.ts";
import { checkLeaks } from "../support/leaks.ts";
import { asOrdinaryUser, inFolder } from "../support/storeFixtures.ts";

const holder = join(import.meta.dirname, "../support/storeLockHolder.ts");

function startHolder(file: string): ChildProcess {
  return spawn(process.execPath, [holder, file], { stdio: ["pipe", "pipe", "inherit"] });
}

async function firstWord(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout);
  const [chunk] = (await once(child.stdout, "data")) as [Buffer];
  return String(chunk).trim();
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

describe("lock of a state folder", () => {
  checkLeaks();

  it("is held by one process, and free at once when that one is killed", () =>
    inFolder(async (file) => {
      for (let round = 0; round < 3; round += 1) {
        const child = startHolder(file);
        assert.equal(await firstWord(child), "taken");
        assert.equal(await acquireLock(file), "held");
        await kill(child);
        const lock = await acquireLock(file);
        assert.ok(lock !== "held");
        const refused = startHolder(file);
        assert.ok(refused.stdout);
        assert.equal(await text(refused.stdout), "held\n");
        await lock.release();
      }
    }));

  it("goes to one of many that come at the same instant", () =>
    inFolder(async (file) => {
      const children = Array.from({ length: 8 }, () => startHolder(file));
      const answers = await Promise.all(children.map(firstWord));
      await Promise.all(
        children.map(async (child, place) => {
          if (answers[place] === "taken") await kill(child);
        }),
      );
      assert.deepEqual(answers.toSorted(), [...Array.from({ length: 7 }, () => "held"), "taken"]);
    }));

  it("is free for the next one after it was released, also within one process", () =>
    inFolder(async (file) => {
      const first = await acquireLock(file);
      assert.ok(first !== "held");
      assert.equal(await acquireLock(file), "held");
      const outside = startHolder(file);
      assert.equal(await firstWord(outside), "held");
      await first.release();
      const second = await acquireLock(file);
      assert.ok(second !== "held");
      await second.release();
      assert.deepEqual(readdirSync(dirname(file)), ["store.sqlite"]);
    }));

  it("is not given where the file cannot be written, for then it would lock nothing", function () {
    if (process.platform === "win32") return this.skip();
    return inFolder(async (file) => {
      writeFileSync(file, "");
      chmodSync(file, 0o444);
      await asOrdinaryUser(dirname(file), () =>
        assert.rejects(acquireLock(file), (error) => {
          assert.ok(error instanceof StoreOpenError);
          assert.match(error.message, /store\.sqlite cannot be written: make the file/);
          return true;
        }),
      );
    });
  });

  it("makes the folder for this user only, and says what is wrong where it cannot", () =>
    inFolder(async (file) => {
      const inside = join(dirname(file), "new", "state", "lock.sqlite");
      const lock = await acquireLock(inside);
      assert.ok(lock !== "held");
      await lock.release();
      assert.equal(statSync(dirname(inside)).mode & 0o777, 0o700);
      assert.equal(statSync(inside).mode & 0o777, 0o600);
      mkdirSync(file);
      await assert.rejects(acquireLock(file), (error) => {
        assert.ok(error instanceof StoreOpenError);
        assert.match(error.message, /store\.sqlite cannot be opened: .* has to be a regular one/);
        return true;
      });
      writeFileSync(join(dirname(file), "plain"), "");
      await assert.rejects(acquireLock(join(dirname(file), "plain", "lock.sqlite")), (error) => {
        assert.ok(error instanceof StoreOpenError);
        assert.match(error.message, /plain\/lock\.sqlite cannot be made \(E(EXIST|NOTDIR): /);
        return true;
      });
    }));
});
