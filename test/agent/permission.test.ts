/** Who may do what: modes, rules, questions and their answers; and what a cancel leaves behind. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { methods } from "@agentclientprotocol/sdk";
import { checkLeaks } from "../support/leaks.ts";
import { script, startModelServer } from "../support/modelServer.ts";
import type { ModelServer, Step } from "../support/modelServer.ts";
import { waitFor } from "../support/waitFor.ts";
import {
  allow,
  deny,
  isRunning,
  newFolder,
  removeFolders,
  scripted,
  startAgent,
} from "./agentClient.ts";
import type { OpenOptions, TestAgent } from "./agentClient.ts";

const write = { name: "write_file", input: { path: "a.txt", content: "new" } };
const run = { name: "run_command", input: { command: "echo hi > b.txt" } };
const look = { name: "list_dir", input: {} };

describe("the built-in agent's permissions", () => {
  checkLeaks();
  let server: ModelServer;
  let agent: TestAgent;

  before(async () => {
    server = await startModelServer();
    agent = await startAgent();
  });
  after(async () => {
    assert.equal(await agent.end(), 0);
    await server.close();
    removeFolders();
  });

  const open = (permissions: object, permission?: OpenOptions["permission"]) =>
    agent.open({
      meta: scripted(server, { permissions }),
      ...(permission === undefined ? {} : { permission }),
    });
  const statuses = (session: Awaited<ReturnType<typeof open>>) =>
    session.calls().map(({ name, _meta }) => {
      const facts = _meta?.["offshoot"] as { status?: string } | undefined;
      return [name, facts?.status];
    });
  let words = 0;
  const calling = (...calls: NonNullable<Step["calls"]>) => {
    const named = calls.map((call, index) => ({ id: `c${index}`, ...call }));
    return script(`permissions ${(words += 1)}`, { calls: named }, { text: "ok" });
  };

  it("let it read, and ask before it writes or runs", async () => {
    const session = await open({}, async () => allow());
    await session.prompt(calling(look, write, run));
    assert.deepEqual(
      session.asked.map(({ toolCall, options, _meta }) => ({
        name: toolCall.name,
        title: toolCall.title,
        kind: toolCall.kind,
        rawInput: toolCall.rawInput,
        content: toolCall.content,
        kinds: options.map(({ kind }) => kind),
        _meta,
      })),
      [
        {
          name: "write_file",
          title: "Create a.txt",
          kind: "edit",
          rawInput: write.input,
          content: [
            { type: "diff", path: join(session.cwd, "a.txt"), oldText: null, newText: "new" },
          ],
          kinds: ["allow_once", "allow_always", "reject_once", "reject_always"],
          _meta: { offshoot: { subject: "a.txt" } },
        },
        {
          name: "run_command",
          title: "echo hi > b.txt",
          kind: "execute",
          rawInput: run.input,
          content: undefined,
          kinds: ["allow_once", "allow_always", "reject_once", "reject_always"],
          _meta: { offshoot: { subject: "echo hi > b.txt" } },
        },
      ],
    );
    assert.equal(readFileSync(join(session.cwd, "a.txt"), "utf8"), "new");
    assert.equal(readFileSync(join(session.cwd, "b.txt"), "utf8"), "hi\n");
  });

  it("tell the model of a denial, and it goes on", async () => {
    const session = await open({}, async () => deny("not on a Friday"));
    const end = await session.prompt(calling(write));
    assert.equal(end.stopReason, "end_turn");
    assert.deepEqual(statuses(session), [["write_file", "denied"]]);
    const result = server.requests.at(-1)?.body.messages?.at(-1);
    assert.equal(result?.content, "denied by the user: not on a Friday");
    assert.equal(existsSync(join(session.cwd, "a.txt")), false);
  });

  it("do what the person changed the call to", async () => {
    const session = await open({}, async () =>
      allow({ input: { path: "other.txt", content: "mine" } }),
    );
    await session.prompt(calling(write));
    assert.equal(existsSync(join(session.cwd, "a.txt")), false);
    assert.equal(readFileSync(join(session.cwd, "other.txt"), "utf8"), "mine");
    assert.deepEqual(session.calls()[0]?.rawInput, { path: "other.txt", content: "mine" });

    const wrong = await open({}, async () => allow({ input: { path: "../x", content: "" } }));
    await wrong.prompt(calling(write));
    assert.deepEqual(statuses(wrong), [["write_file", "failed"]]);
  });

  it("remember an answer that holds always", async () => {
    const session = await open({}, async ({ toolCall }) => ({
      outcome: {
        outcome: "selected",
        optionId: toolCall.name === "run_command" ? "reject-always" : "allow-always",
      },
    }));
    await session.prompt(calling(write, run));
    await session.prompt(calling({ ...write, input: { path: "a.txt", content: "" } }, run));
    assert.equal(session.asked.length, 2);
    assert.deepEqual(
      statuses(session).map(([, status]) => status),
      ["completed", "denied", "completed", "denied"],
    );
    await session.prompt(calling({ ...write, input: { path: "c.txt", content: "" } }));
    assert.equal(session.asked.length, 3);
  });

  it("hold always for exactly what was asked, and no rule allows a joined command", async () => {
    const answers = ["allow-always"];
    const rules = [{ tool: "run_command", pattern: "echo *", decision: "allow" }];
    const session = await open({ rules }, async () => ({
      outcome: { outcome: "selected", optionId: answers.shift() ?? "reject-once" },
    }));
    const command = (line: string) => ({ name: "run_command", input: { command: line } });
    const commands = ["true *.zzz", "true *.zzz", "true ; touch x.zzz", "echo hi"];
    commands.push("echo hi ; touch x.zzz");
    // One after the other, since an answer counts for what is asked after it.
    for (const line of commands) await session.prompt(calling(command(line)));
    assert.deepEqual(
      session.asked.map(({ toolCall }) => toolCall.title),
      ["true *.zzz", "true ; touch x.zzz", "echo hi ; touch x.zzz"],
    );
    assert.equal(existsSync(join(session.cwd, "x.zzz")), false);
  });

  it("follow the mode", async () => {
    const edits = await open({ mode: "acceptEdits" }, async () => deny());
    await edits.prompt(calling(write, run));
    assert.deepEqual(
      edits.asked.map(({ toolCall }) => toolCall.name),
      ["run_command"],
    );
    const plan = await open({ mode: "plan" });
    await plan.prompt(calling(look, write, run));
    assert.deepEqual(statuses(plan), [
      ["list_dir", "completed"],
      ["write_file", "denied"],
      ["run_command", "denied"],
    ]);
    assert.equal(plan.asked.length, 0);
    const params = { sessionId: plan.id, modeId: "auto" };
    await agent.agent.request(methods.agent.session.setMode, params);
    await plan.prompt(calling(write, run));
    assert.equal(plan.asked.length, 0);
    assert.equal(existsSync(join(plan.cwd, "b.txt")), true);
    await assert.rejects(
      agent.agent.request(methods.agent.session.setMode, { ...params, modeId: "yolo" }),
      /there are: ask, acceptEdits, auto, plan/,
    );
  });

  it("follow rules, of which the last counts", async () => {
    const rules = [
      { tool: "run_command", pattern: "echo *", decision: "allow" },
      { tool: "edit", pattern: "secret/**", decision: "deny" },
      { tool: "read", pattern: "*.key", decision: "deny" },
    ];
    const session = await open({ mode: "auto", rules }, async () => deny());
    writeFileSync(join(session.cwd, "my.key"), "x");
    await session.prompt(
      calling(
        run,
        { name: "write_file", input: { path: "secret/x/a", content: "" } },
        { name: "read_file", input: { path: "my.key" } },
      ),
    );
    assert.deepEqual(statuses(session), [
      ["run_command", "completed"],
      ["write_file", "denied"],
      ["read_file", "denied"],
    ]);
    assert.equal(session.asked.length, 0);
  });

  it("end a question with the prompt that asks it", async () => {
    const session = await open({}, () => new Promise(() => undefined));
    const prompt = session.prompt(calling(write));
    await waitFor(() => session.asked.length === 1, "the question");
    await session.cancel();
    assert.equal((await prompt).stopReason, "cancelled");
    assert.deepEqual(statuses(session), [["write_file", "cancelled"]]);
  });

  it("leave no process behind when a command is cancelled", async () => {
    const session = await open({ mode: "auto" });
    // One in the group, one in a session of its own that takes no notice of TERM.
    const command =
      "sleep 1000 & setsid sh -c 'trap \"\" TERM; echo $$ > hard; while :; do sleep 1; done' & " +
      "echo $! > easy; wait";
    const prompt = session.prompt(calling({ name: "run_command", input: { command } }));
    await waitFor(() => existsSync(join(session.cwd, "hard")), "the processes to run");
    const pids = ["hard", "easy"].map((name) =>
      Number(readFileSync(join(session.cwd, name), "utf8")),
    );
    await session.cancel();
    assert.equal((await prompt).stopReason, "cancelled");
    // One that is just exiting has lost its environment, by which it is known, but not its number.
    await waitFor(() => !pids.some(isRunning), "the end of both");
    // The conversation is whole, so that the session goes on.
    const after = await session.prompt(script("after the cancel", { text: "Still here." }));
    assert.equal(after.stopReason, "end_turn");
    const roles = server.requests.at(-1)?.body.messages?.map(({ role }) => role);
    assert.deepEqual(roles?.slice(-3), ["assistant", "tool", "user"]);
  });

  it("end what runs in the background with its session, and with the agent", async () => {
    const other = await startAgent();
    const cwd = newFolder("work");
    const meta = scripted(server, { permissions: { mode: "auto" } });
    const start = (name: string) => {
      const command = `echo $$ > ${name}; sleep 1000`;
      return calling({ name: "run_command", input: { command, background: true } });
    };
    const pidOf = (name: string) =>
      waitFor(
        () => existsSync(join(cwd, name)) && Number(readFileSync(join(cwd, name), "utf8")),
        name,
      );
    const closed = await other.open({ cwd, meta });
    const left = await other.open({ cwd, meta });
    await closed.prompt(start("closed"));
    await left.prompt(start("left"));
    const [first, second] = [await pidOf("closed"), await pidOf("left")];
    await closed.close();
    assert.deepEqual([first, second].map(isRunning), [false, true]);
    assert.equal(await other.end(), 0);
    assert.equal(isRunning(second), false);
  });

  it("end everything when the agent is told to end, also a command that runs", async () => {
    const other = await startAgent();
    const meta = scripted(server, { permissions: { mode: "auto" } });
    const session = await other.open({ meta });
    const file = join(session.cwd, "pid");
    const command = "echo $$ > pid; sleep 1000";
    const prompt = session.prompt(calling({ name: "run_command", input: { command } }));
    prompt.catch(() => undefined);
    const pid = await waitFor(() => existsSync(file) && Number(readFileSync(file, "utf8")), "it");
    process.kill(other.pid, "SIGTERM");
    await waitFor(() => !isRunning(other.pid), "the agent to end");
    assert.equal(isRunning(pid), false);
    assert.equal(await other.end(), 0);
    await assert.rejects(prompt);
  });
});
