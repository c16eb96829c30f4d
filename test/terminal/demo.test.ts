import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { offshoot } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { repository, runProgram } from "../support/repository.ts";
import { testFolder } from "../support/testFolder.ts";
import { waitFor } from "../support/waitFor.ts";
import { startTerminal } from "./terminalProcess.ts";

describe("the demo", () => {
  checkLeaks();
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(testFolder, "w-"));
    for (const name of ["a", "b", "c", "d", "deeper"])
      mkdirSync(join(folder, "daemon", name), { recursive: true });
    mkdirSync(join(folder, "protocol"));
    writeFileSync(join(folder, "protocol", "one.ts"), "export const one: number = 1;\n");
    writeFileSync(join(folder, "daemon", "deeper", "two.ts"), "export const two = 2;\n\n");
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: { types: [], skipLibCheck: true },
        include: ["protocol", "daemon"],
      }),
    );
  });
  afterEach(() => {
    const left = readdirSync(testFolder).filter((name) => name.startsWith("offshoot-demo-"));
    for (const made of [folder, ...left.map((name) => join(testFolder, name))]) {
      rmSync(made, { recursive: true, force: true });
    }
  });

  const demo = (...args: string[]) => offshoot(["demo", ...args], process.env, folder);

  it("runs, nests, fails, cancels and completes on a folder without git or tools", async () => {
    const { code, stdout, stderr } = await demo();
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /left out: Check the types \(there is no node_modules/);
    assert.match(stdout, /completed +[0-9a-f]{8}  Survey daemon\/deeper/);
    assert.match(stdout, /there is no git history here to read/);
    assert.match(stdout, /- daemon: 1 files, 23 B\n {4}- protocol: 1 files, 30 B\n/);
    assert.match(stdout, /completed .* Survey the repository .*- in all: 3 files/);
    assert.match(stdout, /none: nothing is left for later/);
    assert.match(stdout, /1 cancelled on purpose, 1 failed on purpose\n/);
    assert.match(stdout, /look again +.*offshoot .*--state-dir .* tree --once\n$/);
    assert.equal(stderr, "");
  });

  it("reads the history of a shallow clone, and the tools of the folder", async () => {
    symlinkSync(join(repository, "node_modules"), join(folder, "node_modules"));
    const git = (...args: string[]) =>
      runProgram("git", ["-c", "user.name=A", "-c", "user.email=a@b.c", ...args], folder);
    writeFileSync(join(folder, ".gitignore"), "node_modules\n");
    await git("init", "-q");
    await git("add", ".");
    for (const message of ["first words", "second words"]) {
      await git("commit", "-q", "--allow-empty", "-m", message);
    }
    const clone = join(folder, "clone");
    await git("clone", "-q", "--depth", "1", `file://${folder}`, clone);
    symlinkSync(join(repository, "node_modules"), join(clone, "node_modules"));
    const { code, stdout } = await offshoot(["demo"], process.env, clone);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /1 commits are here; the clone is shallow/);
    assert.match(stdout, /second words/);
    assert.match(stdout, /no type errors in \d+ files/);
  });

  it("says so when something does not go as planned", async () => {
    const tools = join("node_modules", ".bin");
    mkdirSync(join(folder, tools), { recursive: true });
    symlinkSync(join(repository, tools, "tsc"), join(folder, tools, "tsc"));
    writeFileSync(join(folder, "protocol", "one.ts"), "export const one: number = 'one';\n");
    const { code, stdout } = await demo("--json");
    assert.equal(code, 1);
    const last = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as { surprises: string[] };
    assert.deepEqual(last.surprises, ['"Check the types" is error, not completed']);
  });

  it("stops everything at Ctrl-C", async () => {
    const running = startTerminal(["demo"], process.env, folder);
    await waitFor(() => running.stdout().includes("running "), "a run");
    running.child.kill("SIGINT");
    assert.equal(await running.code, 130);
    assert.match(running.stderr(), /The demo is stopped\./);
  });
});
