/** What agents may ask of Offshoot: permissions, files, terminals. */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { acpSuite, type Start } from "../../support/acpSuite.ts";
import type { AcpRunOptions } from "../../support/acpRun.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { testFolder } from "../../support/testFolder.ts";

type Answer = Record<string, unknown> & { code?: number; message?: string };

/** What the agent is answered on its last request. */
async function answerTo(
  start: Start,
  steps: object[],
  options: Partial<AcpRunOptions> = {},
): Promise<{ answer: Answer; run: ReturnType<Start> }> {
  const run = start({ ...options, steps: [...steps, { sayAnswer: "last" }] });
  const { result = "null" } = await run.outcome;
  return { answer: JSON.parse(result) as Answer, run };
}

describe("files for ACP agents", () => {
  checkLeaks();
  const start = acpSuite();
  let folder = "";
  let cwd = "";
  beforeEach("make a folder", () => {
    folder = realpathSync(mkdtempSync(join(testFolder, "files-")));
    cwd = join(folder, "work");
    mkdirSync(cwd);
    writeFileSync(join(folder, "outside.txt"), "secret");
    writeFileSync(join(cwd, "a.txt"), "one\ntwo\nthree\n");
  });
  afterEach("remove it", () => rmSync(folder, { recursive: true, force: true }));
  const read = (path: string, more: object = {}) => ({
    request: "fs/read_text_file",
    params: { path, ...more },
  });
  const write = (path: string, content: string) => ({
    request: "fs/write_text_file",
    params: { path, content },
  });

  it("are read whole, or by lines", async () => {
    const whole = await answerTo(start, [read(join(cwd, "a.txt"))], { cwd });
    assert.deepEqual(whole.answer, { content: "one\ntwo\nthree\n" });
    assert.deepEqual(
      whole.run.asked.map(({ kind, subject }) => [kind, subject]),
      [["read", "a.txt"]],
    );
    const part = await answerTo(start, [read(join(cwd, "a.txt"), { line: 2, limit: 1 })], { cwd });
    assert.deepEqual(part.answer, { content: "two\n" });
    const none = await answerTo(start, [read(join(cwd, "b.txt"))], { cwd });
    assert.equal(none.answer.code, -32002);
  });

  it("are written after a question that shows the diff", async () => {
    const { answer, run } = await answerTo(start, [write(join(cwd, "a.txt"), "one\n2\nthree\n")], {
      cwd,
    });
    assert.deepEqual(answer, {});
    assert.equal(readFileSync(join(cwd, "a.txt"), "utf8"), "one\n2\nthree\n");
    const [question] = run.asked;
    assert.equal(question?.kind, "edit");
    const { diff } = question.input as { diff: string };
    assert.ok(diff.includes("-two\n+2\n"));
    await answerTo(start, [write(join(cwd, "new/b.txt"), "b")], { cwd });
    assert.equal(readFileSync(join(cwd, "new/b.txt"), "utf8"), "b");
  });

  it("are not written when that is denied, or was allowed in another form only", async () => {
    const path = join(cwd, "b.txt");
    const denied = await answerTo(start, [write(path, "x")], {
      cwd,
      answer: () => ({ decision: "denyOnce", message: "not now" }),
    });
    assert.equal(denied.answer.message, "Permission denied: not now");
    const changed = await answerTo(start, [write(path, "x")], {
      cwd,
      answer: () => ({ decision: "allowOnce", input: { content: "y" } }),
    });
    assert.match(changed.answer.message ?? "", /in another form only/);
    assert.ok(!existsSync(path));
  });

  it("outside of the session's folder do not exist for an agent, also not through a link", async () => {
    symlinkSync(folder, join(cwd, "up"));
    symlinkSync(join(folder, "nothing"), join(cwd, "dangling"));
    const paths = ["../outside.txt", "up/outside.txt", "dangling"].map((path) => `${cwd}/${path}`);
    for (const path of [...paths, "/etc/passwd"]) {
      const reading = await answerTo(start, [read(path)], { cwd });
      assert.equal(reading.answer.code, -32602, path);
      const writing = await answerTo(start, [write(path, "x")], { cwd });
      assert.equal(writing.answer.code, -32602, path);
      assert.deepEqual(writing.run.asked, []);
    }
    assert.equal(readFileSync(join(folder, "outside.txt"), "utf8"), "secret");
  });

  it("are written without a second question when the very change was allowed as a tool call", async () => {
    const path = join(cwd, "a.txt");
    const permission = {
      request: "session/request_permission",
      params: {
        toolCall: {
          toolCallId: "1",
          title: "Edit a.txt",
          kind: "edit",
          content: [{ type: "diff", path, oldText: "one\ntwo\nthree\n", newText: "new\n" }],
        },
        options: [{ optionId: "y", name: "Allow", kind: "allow_once" }],
      },
    };
    const { run } = await answerTo(start, [permission, write(path, "new\n")], { cwd });
    assert.equal(run.asked.length, 1);
    assert.equal(run.asked[0]?.subject, "a.txt");
    assert.equal(readFileSync(path, "utf8"), "new\n");
    const other = await answerTo(start, [permission, write(path, "other\n")], { cwd });
    assert.equal(other.run.asked.length, 2);
  });
});

describe("permissions of ACP agents", () => {
  checkLeaks();
  const start = acpSuite();
  const request = (options: object[]) => ({
    request: "session/request_permission",
    params: {
      toolCall: {
        toolCallId: "1",
        title: "Run tests",
        kind: "execute",
        rawInput: { command: ["bash", "-lc", "npm test"], cwd: "/" },
      },
      options,
    },
  });
  const all = [
    { optionId: "aa", name: "", kind: "allow_always" },
    { optionId: "ao", name: "", kind: "allow_once" },
    { optionId: "ra", name: "", kind: "reject_always" },
    { optionId: "ro", name: "", kind: "reject_once" },
  ];
  const selected = (optionId: string) => ({ outcome: { outcome: "selected", optionId } });

  it("are asked with the exact command line", async () => {
    const { answer, run } = await answerTo(start, [request(all)]);
    assert.deepEqual(answer, selected("ao"));
    assert.deepEqual(run.asked, [
      {
        toolName: "execute",
        kind: "execute",
        title: "Run tests",
        input: { command: "npm test" },
        toolUseId: "1",
        subject: "npm test",
      },
    ]);
  });

  it("are given once also where the answer is a rule, which Offshoot keeps itself", async () => {
    const always = await answerTo(start, [request(all)], {
      answer: () => ({ decision: "allowAlways" }),
    });
    assert.deepEqual(always.answer, selected("ao"));
    const never = await answerTo(start, [request(all)], {
      answer: () => ({ decision: "denyAlways" }),
    });
    assert.deepEqual(never.answer, selected("ro"));
  });

  it("warn where an agent can only be allowed something for good", async () => {
    const { answer, run } = await answerTo(start, [request(all.slice(0, 1))]);
    assert.deepEqual(answer, selected("aa"));
    assert.match(run.notes()[0] ?? "", /for good/);
  });

  it("are refused by `cancelled` where the agent offers no refusal, or nothing", async () => {
    const cancelled = { outcome: { outcome: "cancelled" } };
    const denied = await answerTo(start, [request(all.slice(0, 2))], {
      answer: () => ({ decision: "denyOnce" }),
    });
    assert.deepEqual(denied.answer, cancelled);
    assert.deepEqual((await answerTo(start, [request([])])).answer, cancelled);
  });

  it("are refused when they were given for another input", async () => {
    const { answer, run } = await answerTo(start, [request(all)], {
      answer: () => ({ decision: "allowOnce", input: { command: "npm run lint" } }),
    });
    assert.deepEqual(answer, selected("ro"));
    assert.match(run.notes()[0] ?? "", /another input/);
  });

  it("make a tool call that fails after a refusal a denied one", async () => {
    const run = start({
      steps: [
        request(all),
        { update: { sessionUpdate: "tool_call_update", toolCallId: "1", status: "failed" } },
      ],
      answer: () => ({ decision: "denyOnce", message: "no" }),
    });
    await run.outcome;
    assert.equal(run.ofType("tool.completed")[0]?.status, "denied");
  });
});

describe("terminals for ACP agents", () => {
  checkLeaks();
  const start = acpSuite();
  const create = (command: string, more: object = {}) => ({
    request: "terminal/create",
    params: { command, ...more },
    as: "terminal",
  });
  const ask = (method: string) => ({
    request: `terminal/${method}`,
    params: { terminalId: "$terminal.terminalId" },
  });

  it("run a line in the session's folder, as part of the run", async () => {
    const { answer, run } = await answerTo(start, [
      create('echo "$GREETING $OFFSHOOT_RUN"; pwd; exit 3', {
        env: [
          { name: "GREETING", value: "hello" },
          { name: "OFFSHOOT_RUN", value: "stolen" },
        ],
      }),
      ask("wait_for_exit"),
      ask("output"),
    ]);
    assert.deepEqual(answer, {
      output: `hello ${run.runId}\n${realpathSync(run.cwd)}\n`,
      truncated: false,
      exitStatus: { exitCode: 3, signal: null },
    });
    assert.equal(run.asked[0]?.subject, 'echo "$GREETING $OFFSHOOT_RUN"; pwd; exit 3');
    assert.equal(run.started.length, 2);
  });

  it("keep the end of a long output", async () => {
    const { answer } = await answerTo(start, [
      create("seq", { args: ["1", "1000"], outputByteLimit: 9 }),
      ask("wait_for_exit"),
      ask("output"),
    ]);
    assert.equal(answer["output"], "999\n1000\n");
    assert.equal(answer["truncated"], true);
  });

  it("are killed, and can still be read; released, they are gone", async () => {
    const killed = await answerTo(start, [
      create("echo started; sleep 1000"),
      { ...ask("output"), until: "started" },
      ask("kill"),
      ask("wait_for_exit"),
      ask("output"),
    ]);
    assert.equal(killed.answer["output"], "started\n");
    assert.deepEqual(killed.answer["exitStatus"], { exitCode: null, signal: "SIGTERM" });
    const released = await answerTo(start, [create("sleep 1000"), ask("release"), ask("output")]);
    assert.equal(released.answer.code, -32002);
  });

  it("end with the run when nobody releases them, and in a cancel", async () => {
    const left = start({ steps: [create("sleep 1000")] });
    assert.equal((await left.outcome).status, "completed");
    const cancelled = start({ steps: [create("sleep 1000"), { say: "x" }, { hang: true }] });
    while (cancelled.started.length < 2) await new Promise(setImmediate);
    cancelled.abort();
    assert.equal((await cancelled.outcome).status, "aborted");
  });

  it("start neither outside of the folder nor without permission", async () => {
    const outside = await answerTo(start, [create("pwd", { cwd: "/" })]);
    assert.equal(outside.answer.code, -32602);
    const denied = await answerTo(start, [create("pwd")], {
      answer: () => ({ decision: "denyOnce" }),
    });
    assert.match(denied.answer.message ?? "", /Permission denied/);
    const missing = await answerTo(start, [create("no-such-program", { args: ["x"] })]);
    assert.match(missing.answer.message ?? "", /was not found on the PATH/);
  });

  it("show their output in the tool call that they belong to", async () => {
    const run = start({
      steps: [
        create("echo shown"),
        {
          update: {
            sessionUpdate: "tool_call",
            toolCallId: "1",
            title: "echo",
            kind: "execute",
            status: "in_progress",
            content: [{ type: "terminal", terminalId: "$terminal.terminalId" }],
          },
        },
        ask("wait_for_exit"),
        { update: { sessionUpdate: "tool_call_update", toolCallId: "1", status: "completed" } },
      ],
    });
    await run.outcome;
    assert.equal(
      run
        .ofType("tool.output")
        .map(({ text }) => text)
        .join(""),
      "shown\n",
    );
  });
});
