/** Every built-in tool, called by a model through the real agent. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { checkLeaks } from "../support/leaks.ts";
import { script, startModelServer } from "../support/modelServer.ts";
import type { ModelServer } from "../support/modelServer.ts";
import { newFolder, removeFolders, scripted, startAgent } from "./agentClient.ts";
import type { TestAgent, TestSession, ToolState } from "./agentClient.ts";

describe("the built-in agent's tools", () => {
  checkLeaks();
  let server: ModelServer;
  let agent: TestAgent;
  let words = 0;

  before(async () => {
    server = await startModelServer();
    agent = await startAgent();
  });
  after(async () => {
    assert.equal(await agent.end(), 0);
    await server.close();
    removeFolders();
  });

  const open = (files: Record<string, string>, more: Record<string, unknown> = {}) => {
    const cwd = newFolder("work");
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(cwd, path, ".."), { recursive: true });
      writeFileSync(join(cwd, path), text);
    }
    return agent.open({ cwd, meta: scripted(server, { permissions: { mode: "auto" }, ...more }) });
  };

  /** Lets the model call a tool, and answers what it got and what the client saw. */
  const call = async (session: TestSession, name: string, input: unknown) => {
    words += 1;
    await session.prompt(script(`call ${words}`, { calls: [{ name, input }] }, { text: "ok" }));
    const state = session.calls().at(-1) as ToolState;
    const last = server.requests.at(-1)?.body.messages?.at(-1) as { role: string; content: string };
    assert.equal(last.role, "tool");
    assert.equal(last.content, state.rawOutput);
    return { ...state, text: last.content };
  };

  it("read_file numbers lines, in parts", async () => {
    const session = await open({ "a.txt": "one\ntwo\nthree\nfour\n" });
    const whole = await call(session, "read_file", { path: "a.txt" });
    assert.equal(whole.text, "1\tone\n2\ttwo\n3\tthree\n4\tfour");
    assert.deepEqual(
      [whole.kind, whole.title, whole.status, whole.locations],
      ["read", "Read a.txt", "completed", [{ path: join(session.cwd, "a.txt"), line: 1 }]],
    );
    const part = await call(session, "read_file", { path: "a.txt", offset: 2, limit: 2 });
    assert.equal(part.text, "2\ttwo\n3\tthree\n[more lines follow; go on with offset 4]");
    const missing = await call(session, "read_file", { path: "b.txt" });
    assert.deepEqual([missing.status, missing.text], ["failed", "there is no file b.txt"]);
    writeFileSync(join(session.cwd, "binary"), Buffer.from([1, 0, 2]));
    assert.match((await call(session, "read_file", { path: "binary" })).text, /binary file/);
    assert.match((await call(session, "read_file", { path: "." })).text, /use list_dir/);
  });

  it("list_dir, glob and grep leave out what .gitignore names", async () => {
    const session = await open({
      ".gitignore": "dist\n*.log\n!keep.log\n",
      "src/a.ts": "const needle = 1;\n",
      "src/deep/b.ts": "// no\n// a Needle\n",
      "src/deep/.gitignore": "c.ts\n",
      "src/deep/c.ts": "needle",
      "dist/a.js": "needle",
      "x.log": "needle",
      "keep.log": "needle",
    });
    const list = await call(session, "list_dir", { path: "src" });
    assert.equal(list.text, "a.ts 18\ndeep/");
    const glob = await call(session, "glob", { pattern: "**/*" });
    assert.equal(glob.text, ".gitignore\nkeep.log\nsrc/a.ts\nsrc/deep/.gitignore\nsrc/deep/b.ts");
    assert.equal(
      (await call(session, "glob", { pattern: "*.ts" })).text,
      "src/a.ts\nsrc/deep/b.ts",
    );
    const grep = await call(session, "grep", { pattern: "need\\w+" });
    assert.equal(grep.text, "keep.log:1:needle\nsrc/a.ts:1:const needle = 1;");
    const wide = await call(session, "grep", {
      pattern: "NEEDLE",
      ignoreCase: true,
      include: "*.ts",
    });
    assert.equal(wide.text, "src/a.ts:1:const needle = 1;\nsrc/deep/b.ts:2:// a Needle");
    assert.equal((await call(session, "grep", { pattern: "nowhere" })).text, "[nothing found]");
    assert.equal((await call(session, "grep", { pattern: "(" })).status, "failed");
  });

  it("grep ends a pattern that backtracks for ever, and other sessions live on", async () => {
    const session = await open({ "a.txt": `${"a".repeat(60)}!` });
    const slow = await call(session, "grep", { pattern: "^(a+)+$" });
    assert.deepEqual([slow.status, /takes too long/.test(slow.text)], ["failed", true]);
  });

  it("edit_file replaces exactly, or says why not, and shows a diff", async () => {
    const session = await open({ "a.txt": "one\ntwo\ntwo\n", "dos.txt": "x\r\ny\r\n" });
    const path = join(session.cwd, "a.txt");
    const edit = (oldText: string, newText: string, more = {}) =>
      call(session, "edit_file", { path: "a.txt", oldText, newText, ...more });
    const done = await edit("one", "1");
    assert.deepEqual(done.content, [
      { type: "diff", path, oldText: "one\ntwo\ntwo\n", newText: "1\ntwo\ntwo\n" },
    ]);
    assert.match(done.text, /^-one\n\+1$/m);
    assert.match((await edit("two", "2")).text, /2 times/);
    assert.match((await edit("three", "3")).text, /not in a\.txt: read the file again/);
    assert.match((await edit("1  two", "3")).text, /other spaces/);
    assert.match((await edit("1", "1")).text, /the same/);
    assert.equal(readFileSync(path, "utf8"), "1\ntwo\ntwo\n");
    assert.equal((await edit("two", "2", { all: true })).status, "completed");
    assert.equal(readFileSync(path, "utf8"), "1\n2\n2\n");
    const dos = { path: "dos.txt", oldText: "x\ny", newText: "z" };
    assert.match((await call(session, "edit_file", dos)).text, /end with \\r\\n/);
    const dollars = await edit("1", "$& $1");
    assert.equal(dollars.status, "completed");
    assert.equal(readFileSync(path, "utf8"), "$& $1\n2\n2\n");
  });

  it("edit_file makes several edits of one file in one turn", async () => {
    const session = await open({ "a.txt": "a\nb\nc\nd\n" });
    const calls = ["a", "b", "c", "d"].map((letter) => ({
      id: letter,
      name: "edit_file",
      input: { path: "a.txt", oldText: letter, newText: letter.toUpperCase() },
    }));
    await session.prompt(script("several edits", { calls }, { text: "ok" }));
    assert.equal(readFileSync(join(session.cwd, "a.txt"), "utf8"), "A\nB\nC\nD\n");
  });

  it("write_file makes folders and replaces files", async () => {
    const session = await open({});
    const input = { path: "new/deep/a.txt", content: "hello" };
    const made = await call(session, "write_file", input);
    assert.deepEqual([made.kind, made.title], ["edit", "Create new/deep/a.txt"]);
    const path = join(session.cwd, "new/deep/a.txt");
    assert.deepEqual(made.content, [{ type: "diff", path, oldText: null, newText: "hello" }]);
    assert.equal(readFileSync(path, "utf8"), "hello");
    const again = await call(session, "write_file", { ...input, content: "bye" });
    assert.equal(again.title, "Overwrite new/deep/a.txt");
  });

  it("stay inside the working folder, also through links", async () => {
    const session = await open({ "a.txt": "inside" });
    const outside = newFolder("outside");
    writeFileSync(join(outside, "secret.txt"), "secret");
    symlinkSync(outside, join(session.cwd, "link"));
    symlinkSync(join(outside, "not-there.txt"), join(session.cwd, "dangling"));
    symlinkSync("a.txt", join(session.cwd, "good"));
    const tries: [string, object][] = [
      ["read_file", { path: "../outside/secret.txt" }],
      ["read_file", { path: join(outside, "secret.txt") }],
      ["read_file", { path: "link/secret.txt" }],
      ["list_dir", { path: ".." }],
      ["glob", { pattern: "*", path: "link" }],
      ["grep", { pattern: "secret", path: "link" }],
      ["edit_file", { path: "link/secret.txt", oldText: "secret", newText: "x" }],
      ["write_file", { path: "link/new.txt", content: "x" }],
      ["write_file", { path: "../new.txt", content: "x" }],
      ["write_file", { path: "dangling", content: "x" }],
      ["run_command", { command: "true", cwd: "link" }],
    ];
    for (const [name, input] of tries) {
      const result = await call(session, name, input);
      assert.equal(result.status, "failed", `${name} ${JSON.stringify(input)}`);
      assert.match(result.text, /outside of the working folder|is a link to something/);
    }
    assert.equal((await call(session, "read_file", { path: "good" })).text, "1\tinside");
    assert.equal((await call(session, "grep", { pattern: "secret" })).text, "[nothing found]");
  });

  it("run_command answers output and exit code", async () => {
    const session = await open({ "sub/x": "" });
    const good = await call(session, "run_command", { command: "echo out; echo err >&2; pwd" });
    assert.equal(good.status, "completed");
    assert.match(good.text, new RegExp(`out\n[^]*${session.cwd}\n[^]*\\[exit code 0\\]`));
    assert.match(good.text, /^err$/m);
    const bad = await call(session, "run_command", { command: "ls; exit 3", cwd: "sub" });
    assert.deepEqual([bad.status, bad.text], ["failed", "x\n[exit code 3]"]);
    const input = await call(session, "run_command", { command: "cat; echo done" });
    assert.equal(input.text, "done\n[exit code 0]");
    const slow = await call(session, "run_command", {
      command: "echo a; sleep 1000",
      timeoutMs: 200,
    });
    assert.match(slow.text, /^a\n\[ended after 200 ms/);
  });

  it("run_command works in the background, by a handle", async () => {
    const session = await open({});
    const command = "echo started; while [ ! -e go ]; do sleep 0.02; done; echo went";
    const start = await call(session, "run_command", { command, background: true });
    assert.match(start.text, /command-1$/);
    const early = await call(session, "command_output", { handle: "command-1" });
    assert.match(early.text, /\[still running\]$/);
    writeFileSync(join(session.cwd, "go"), "");
    const late = await call(session, "command_output", { handle: "command-1", waitMs: 10_000 });
    assert.match(late.text, /went\n\[exit code 0\]$/);
    assert.equal((early.text + late.text).match(/started/g)?.length, 1);
    await call(session, "run_command", { command: "sleep 1000", background: true });
    const stopped = await call(session, "command_stop", { handle: "command-2" });
    assert.equal(stopped.text, "[ended by SIGTERM]");
    const unknown = await call(session, "command_output", { handle: "command-9" });
    assert.match(unknown.text, /known handles: command-1, command-2/);
    await session.close();
  });

  it("hand long outputs on in part, and the whole by a file that can be read", async () => {
    const session = await open({});
    const command = "for i in $(seq 20000); do echo line-$i; done";
    const { text } = await call(session, "run_command", { command });
    assert.ok(Buffer.byteLength(text) < 33 * 1024);
    assert.match(text, /^line-1\n/);
    assert.match(text, /line-20000\n\[exit code 0\]$/);
    const file = /all of it is in (\S+),/.exec(text)?.[1] ?? "";
    const middle = await call(session, "read_file", { path: file, offset: 10_000, limit: 1 });
    assert.match(middle.text, /^10000\tline-10000\n/);
    const write = await call(session, "write_file", { path: file, content: "" });
    assert.equal(write.status, "failed");
  });

  it("fetch_url reads http and nothing local unless that is allowed", async () => {
    const web = createServer((request, response) => {
      if (request.url === "/away") return response.writeHead(302, { location: "/page" }).end();
      if (request.url === "/big") return response.end("x".repeat(3 * 1024 * 1024));
      if (request.url !== "/page") return response.writeHead(404).end("nothing here");
      response.writeHead(200, { "content-type": "text/html" });
      return response.end(
        "<head><title>t</title></head><p>Hello &amp; <b>bye</b></p><script>x</script>",
      );
    });
    web.listen(0, "127.0.0.1");
    await once(web, "listening");
    const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
    const closed = await open({});
    const { port } = web.address() as AddressInfo;
    const local = [
      url,
      `http://localhost:${port}`,
      `http://[::1]:${port}`,
      `http://0.0.0.0:${port}`,
    ];
    local.push("http://169.254.169.254/latest", `http://[::ffff:127.0.0.1]:${port}`);
    for (const address of local) {
      const refused = await call(closed, "fetch_url", { url: address });
      assert.match(refused.text, /may not be fetched/, address);
    }
    assert.match(
      (await call(closed, "fetch_url", { url: "file:///etc/passwd" })).text,
      /only http/,
    );
    const free = await open({}, { allowLocalFetch: true });
    const page = await call(free, "fetch_url", { url: `${url}/away` });
    assert.equal(page.kind, "fetch");
    assert.match(page.text, /\/page \(200, text\/html\)\n\nHello & bye$/);
    const missing = await call(free, "fetch_url", { url: `${url}/no` });
    assert.deepEqual([missing.status, missing.text], ["failed", "status 404: nothing here"]);
    const big = await call(free, "fetch_url", { url: `${url}/big` });
    assert.match(big.text, /\[cut after 2097152 bytes\]$/);
    web.closeAllConnections();
    web.close();
    await once(web, "close");
  });

  it("update_plan shows the plan", async () => {
    const session = await open({});
    const entries = [{ content: "Look", status: "in_progress" }];
    await call(session, "update_plan", { entries });
    assert.deepEqual(session.of("plan"), [
      {
        sessionUpdate: "plan",
        entries: [{ content: "Look", status: "in_progress", priority: "medium" }],
      },
    ]);
  });

  it("skill reads the instructions of a skill", async () => {
    const text = "---\nname: brewing\ndescription: How to brew tea\n---\nBoil water first.\n";
    const session = await open({ ".agents/skills/tea/SKILL.md": text });
    const skill = await call(session, "skill", { name: "brewing" });
    assert.equal(skill.text, text);
    const tools = JSON.stringify(server.requests.at(-1)?.body.tools);
    assert.match(tools, /brewing: How to brew tea/);
    assert.match((await call(session, "skill", { name: "no" })).text, /there are: .*brewing/);
  });

  it("say what is wrong with a call", async () => {
    const session = await open({});
    const wrong = await call(session, "read_file", { file: "a.txt", offset: "one" });
    assert.equal(wrong.status, "failed");
    assert.match(
      wrong.text,
      /^wrong input for read_file: path: .*; offset: .*Its fields are: path/,
    );
    assert.match((await call(session, "read_file", '{"path": ')).text, /wrong input for read_file/);
    assert.match(
      (await call(session, "fly", {})).text,
      /there is no tool "fly"; there are: .*glob/,
    );
  });

  it("are only those that the client wants", async () => {
    const session = await open({}, { tools: ["read_file", "command_*"] });
    await session.prompt(script("which tools", { text: "ok" }));
    const tools = server.requests.at(-1)?.body.tools as { function: { name: string } }[];
    assert.deepEqual(
      tools.map((tool) => tool.function.name),
      ["read_file", "command_output", "command_stop"],
    );
  });

  it("run side by side when one turn calls several", async () => {
    const session = await open({});
    const wait = (own: string, other: string) => ({
      name: "run_command",
      input: { command: `touch ${own}; while [ ! -e ${other} ]; do sleep 0.02; done` },
    });
    const calls = [wait("a", "b"), wait("b", "a")].map((one, index) => ({
      id: `c${index}`,
      ...one,
    }));
    await session.prompt(script("side by side", { calls }, { text: "ok" }));
    assert.deepEqual(
      session.calls().map(({ status }) => status),
      ["completed", "completed"],
    );
  });
});
