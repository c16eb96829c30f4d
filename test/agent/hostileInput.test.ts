/** Files and patterns that would stop the process of all sessions, or hide what was left out. */
import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkLeaks } from "../support/leaks.ts";
import { script, startModelServer } from "../support/modelServer.ts";
import type { ModelServer } from "../support/modelServer.ts";
import { newFolder, removeFolders, scripted, startAgent } from "./agentClient.ts";
import type { TestAgent, TestSession } from "./agentClient.ts";

describe("the built-in agent's tools, with hostile input", () => {
  checkLeaks();
  let server: ModelServer;
  let agent: TestAgent;
  let session: TestSession;
  let words = 0;

  before(async () => {
    server = await startModelServer();
    // Without ripgrep, which has bounds of its own.
    agent = await startAgent({ PATH: newFolder("no-programs") });
  });
  beforeEach(async () => {
    session = await agent.open({ meta: scripted(server, { permissions: { mode: "auto" } }) });
  });
  after(async () => {
    assert.equal(await agent.end(), 0);
    await server.close();
    removeFolders();
  });

  const path = (name: string) => join(session.cwd, name);
  const call = async (name: string, input: unknown) => {
    words += 1;
    await session.prompt(script(`hostile ${words}`, { calls: [{ name, input }] }, { text: "ok" }));
    const { status, rawOutput } = session.calls().at(-1) ?? {};
    return { status, text: String(rawOutput) };
  };

  it("read_file cuts a line that is longer than any text can be", async () => {
    writeFileSync(path("long"), `first\r\n${"é".repeat(10_000)}`);
    truncateSync(path("long"), 600 * 1024 * 1024);
    appendFileSync(path("long"), "\nthird\n\nfifth");
    const whole = await call("read_file", { path: "long" });
    const cut = `2\t${"é".repeat(2_000)} [line cut after 2000 characters]`;
    assert.equal(whole.text, `1\tfirst\n${cut}\n3\tthird\n4\t\n5\tfifth`);
    const part = await call("read_file", { path: "long", offset: 3, limit: 1 });
    assert.equal(part.text, "3\tthird\n[more lines follow; go on with offset 4]");
  });

  it("read_file keeps a line that just fits, whatever its characters take", async () => {
    for (const text of ["x".repeat(2_000), "語".repeat(2_000), "😀".repeat(1_000)]) {
      writeFileSync(path("fits"), `${text}\r\n`);
      assert.equal((await call("read_file", { path: "fits" })).text, `1\t${text}`);
    }
    const beyond = await call("read_file", { path: "fits", offset: 9 });
    assert.equal(beyond.text, "[the file has only 1 lines]");
  });

  it("read_file says when a text is not UTF-8", async () => {
    writeFileSync(path("latin"), Buffer.from("caf\xE9\nplain\n", "latin1"));
    const bad = await call("read_file", { path: "latin" });
    assert.match(bad.text, /^1\tcaf\uFFFD\n2\tplain\n\[not UTF-8: .*\]$/);
    writeFileSync(path("utf8"), "caf\u00E9 \uFFFD\n");
    assert.equal((await call("read_file", { path: "utf8" })).text, "1\tcafé \uFFFD");
  });

  it("glob and grep end a glob that backtracks for ever", async () => {
    writeFileSync(path("a".repeat(60)), "needle");
    for (const [name, input] of [
      ["glob", { pattern: `${"*a".repeat(13)}*b` }],
      ["glob", { pattern: "{a,a}+b" }],
      ["grep", { pattern: "needle", include: `${"*a".repeat(13)}*b` }],
    ] as const) {
      const { status, text } = await call(name, input);
      assert.deepEqual([status, /use a simpler one/.test(text)], ["failed", true]);
    }
  });

  it("glob finds names that look like patterns, and many", async () => {
    mkdirSync(path("app"));
    writeFileSync(path("app/[id].ts"), "");
    assert.equal((await call("glob", { pattern: "[id].ts" })).text, "app/[id].ts");
    for (let index = 0; index < 700; index += 1) writeFileSync(path(`app/${index}.js`), "");
    const { text } = await call("glob", { pattern: "app/?*.{js,ts}" });
    assert.equal(text.split("\n").filter((line) => line.startsWith("app/")).length, 701);
  });

  it("glob and list_dir say that a folder is not there, or is a file", async () => {
    writeFileSync(path("file"), "");
    for (const [name, input] of [
      ["glob", { pattern: "*" }],
      ["list_dir", {}],
    ] as const) {
      const missing = await call(name, { ...input, path: "nowhere" });
      assert.deepEqual(missing, { status: "failed", text: "there is no folder nowhere" });
      const file = await call(name, { ...input, path: "file" });
      assert.deepEqual([file.status, file.text.startsWith("file is a file: ")], ["failed", true]);
    }
  });

  it("grep says how many files it left out", async () => {
    const left = "[files left out because they have more than 4 MB: 1]";
    writeFileSync(path("big"), `needle\n${"x".repeat(4 * 1024 * 1024)}`);
    const nothing = await call("grep", { pattern: "needle" });
    assert.equal(nothing.text, `[nothing found]\n${left}`);
    writeFileSync(path("small"), "needle\n");
    assert.equal((await call("grep", { pattern: "needle" })).text, `small:1:needle\n${left}`);
  });
});
