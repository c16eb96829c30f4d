/** The packaged form: the bundles and the files that .vscodeignore lets through, and nothing else. */
import assert from "node:assert/strict";
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { checkLeaks } from "../support/leaks.ts";
import { repository, runProgram } from "../support/repository.ts";
import { testFolder } from "../support/testFolder.ts";

describe("the packaged form", () => {
  checkLeaks();

  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(testFolder, "package-"));
    const { exitCode, output } = await runProgram("node", [
      "scripts/build.ts",
      join(folder, "dist"),
    ]);
    if (exitCode !== 0) assert.fail(output);
    const allowed = readFileSync(join(repository, ".vscodeignore"), "utf8").matchAll(/^!(.*)$/gm);
    for (const [, pattern = ""] of allowed) {
      if (pattern.startsWith("dist/")) continue;
      const files = globSync(pattern, { cwd: repository });
      assert.ok(
        files.length > 0,
        `.vscodeignore lets ${pattern} through, but there is no such file`,
      );
      for (const file of files) cpSync(join(repository, file), join(folder, file));
    }
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("starts, and knows its version", async () => {
    const { version } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
    const started = await runProgram("node", ["daemon/bin.cjs", "--version"], folder);
    assert.deepEqual(started, { exitCode: 0, output: `${version}\n` });
  });

  it("has all of the database", async () => {
    const script =
      'new (require("sqlite3").Database)(":memory:").get("SELECT 1 AS one", (e, r) => console.log(e ?? r.one))';
    const queried = await runProgram("node", ["-e", script], folder);
    assert.deepEqual(queried, { exitCode: 0, output: "1\n" });
  });

  it("says what to do when a part of it is missing", async () => {
    rmSync(join(folder, "dist"), { recursive: true });
    const { exitCode, output } = await runProgram("node", ["daemon/bin.cjs", "--version"], folder);
    assert.equal(exitCode, 1);
    assert.match(
      output,
      /offshoot lacks a part of itself: run "npm ci" in its folder, or install it again\.\n$/,
    );
  });
});
