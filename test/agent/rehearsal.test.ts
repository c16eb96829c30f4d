/** The provider that is no language model, and still works with the real tools. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkLeaks } from "../support/leaks.ts";
import { deny, newFolder, removeFolders, startAgent } from "./agentClient.ts";
import type { TestAgent } from "./agentClient.ts";

const subAgents = join(import.meta.dirname, "tinySubAgents.ts");

/** In a piece, it would be a mark of this file. */
const mark = ["TO", "DO"].join("");

/** A repository with three areas, one of which has many folders. */
function makeRepository(): string {
  const cwd = newFolder("repository");
  const files: Record<string, string> = {
    ".gitignore": "out/\n",
    "README.md": "# Tea\n",
    "out/ignored.ts": `// ${mark} ignored\n`,
    "src/main.ts": `// ${mark} brew\nexport const a = 1;\n`,
    "src/deep/util.py": "print(1)\n",
    "docs/guide.md": "# Guide\n",
    ...Object.fromEntries(
      ["p1", "p2", "p3", "p4", "p5"].map((name) => [`pkgs/${name}/x.go`, "package x\n"]),
    ),
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(cwd, path, ".."), { recursive: true });
    writeFileSync(join(cwd, path), text);
  }
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.org", ...args], { cwd });
  git("init", "--quiet");
  git("add", "README.md");
  git("commit", "--quiet", "-m", "one");
  writeFileSync(join(cwd, "README.md"), "# Tea time\n");
  git("add", ".");
  git("commit", "--quiet", "-m", "two");
  return cwd;
}

describe("the rehearsal", () => {
  checkLeaks();
  let agent: TestAgent;

  before(async () => {
    agent = await startAgent();
  });
  after(async () => {
    assert.equal(await agent.end(), 0);
    removeFolders();
  });

  const rehearsal = { model: "rehearsal/planner" };
  const auto = { ...rehearsal, permissions: { mode: "auto" } };

  it("surveys a repository by itself", async () => {
    const session = await agent.open({ cwd: makeRepository(), meta: auto });
    const end = await session.prompt("Please survey this repository.");
    assert.equal(end.stopReason, "end_turn");
    const text = session.text();
    assert.match(text, /rehearsal: a fixed plan, no language model/);
    assert.match(text, /- in all: 10 files, /);
    assert.match(text, /languages: .*Go 5 .*TypeScript 1 .*Python 1/);
    assert.match(text, /marked TODO or FIXME: 1\n {2}- src\/main\.ts:1:/);
    assert.match(text, /- README\.md: 2 changes/);
    assert.doesNotMatch(text, /ignored/);
    const tools = new Set(session.calls().map(({ name }) => name));
    assert.deepEqual(
      tools,
      new Set(["list_dir", "run_command", "update_plan", "read_file", "grep"]),
    );
    assert.ok(session.calls().every(({ status }) => status === "completed"));
    assert.equal(session.of("plan").length, 2);
  });

  it("gives areas to sub-agents, these theirs, and folds the reports into one", async () => {
    const cwd = makeRepository();
    mkdirSync(join(cwd, "broken"));
    const env = [{ name: "OFFSHOOT_TEST_FOLDER", value: newFolder("sub-agents") }];
    const server = { name: "offshoot", command: process.execPath, args: [subAgents], env };
    const session = await agent.open({ cwd, mcpServers: [server], meta: auto });
    await session.prompt("survey");
    const text = session.text();
    assert.match(text, /Giving 4 areas to sub-agents/);
    assert.match(text, /## docs\n(- .*\n)*- in all: 1 files/);
    assert.match(text, /## pkgs\n(- .*\n)*- in all: 5 files/);
    assert.match(text, /## src\n( *- .*\n)*?- in all: 2 files/);
    assert.match(text, /## Survey broken\nerror: no such area/);
    assert.match(text, /## Areas\n- broken: 0 files, 0 B\n- docs: 1 files, .*\n- pkgs: 5 files/);
    assert.match(text, /- in all: 10 files, 116 B$/);
    const names = session.calls().map(({ name }) => name);
    assert.equal(names.filter((name) => name === "mcp__offshoot__spawn_agent").length, 4);
    assert.ok(names.filter((name) => name === "mcp__offshoot__wait_agent").length >= 2);
    await session.close();
  });

  it("does what small prompts ask for", async () => {
    const session = await agent.open({ cwd: makeRepository(), meta: auto });
    const ask = async (prompt: string) => {
      const before = session.text().length;
      await session.prompt(prompt);
      return session.text().slice(before);
    };
    assert.match(await ask("count *.go files"), /5 files match \*\.go\./);
    assert.match(await ask("find the TODOs"), /1 marks in 1 files\.\n- src\/main\.ts:1:/);
    assert.match(await ask("what are the hot files?"), /- README\.md: 2/);
    assert.match(await ask("read README.md"), /begins with:\n\n1\t# Tea time/);
    assert.match(await ask("read NOTHING.md"), /cannot be read: there is no file/);
    assert.match(await ask("write me a poem"), /understands these prompts[^]*"hot files"/);
  });

  it("says so where it may not ask git, and needs no key nor network", async () => {
    const session = await agent.open({
      cwd: makeRepository(),
      meta: rehearsal,
      permission: async () => deny(),
    });
    await session.prompt("survey");
    assert.match(session.text(), /## Hot files\nUnknown/);
    assert.equal(session.asked.length, 1);
  });

  it("is cancelled like any other", async () => {
    const session = await agent.open({
      cwd: makeRepository(),
      meta: rehearsal,
      permission: async () => {
        await session.cancel();
        return deny();
      },
    });
    assert.equal((await session.prompt("survey")).stopReason, "cancelled");
  });
});
