import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { AgentInfo } from "../../protocol/daemon.ts";
import type { RawClient } from "../support/rawClient.ts";
import { wireSuite } from "../support/wire.ts";

const users = { name: "users", runner: { kind: "command", command: "/bin/true" } } as const;
const workspaces = `{
  // The comments of people.
  "agents": [
    { "name": "good", "runner": { "kind": "command", "command": "/bin/echo", "args": ["{prompt}"] } },
    { "name": "bad", "runner": { "kind": "command" } },
    { "name": "worse", "runner": { "kind": "command", "command": "x" }, "restart": { "max": -1 } }, /* and more */
    { "name": "users", "description": "the workspace's own", "runner": { "kind": "command", "command": "/bin/true" } },
  ],
  "agent": "good",
  "defaultAgent": "good",
}`;

describe("wire: trust", () => {
  const wire = wireSuite({ agents: [users] });
  const file = () => join(wire.daemon.work, ".offshoot", "config.json");
  beforeEach(() => {
    mkdirSync(join(wire.daemon.work, ".offshoot"), { recursive: true });
    mkdirSync(join(wire.daemon.work, "a", "b"), { recursive: true });
    writeFileSync(file(), workspaces);
  });

  async function client(workspaceTrusted?: boolean, folder = wire.daemon.work): Promise<RawClient> {
    const one = await wire.socket();
    const uri = pathToFileURL(folder).href;
    const options = workspaceTrusted === undefined ? {} : { workspaceTrusted };
    const { error } = await one.open(options, { workspaceFolders: [{ uri, name: "work" }] });
    equal(error, undefined);
    return one;
  }
  /** Of those that are built in only the shell, which is there on every machine. */
  async function list(one: RawClient, params: object = {}): Promise<AgentInfo[]> {
    const { agents } = await one.call("agent/list", params);
    return agents.filter(
      ({ name, source }: AgentInfo) => source !== "built-in" || name === "shell",
    );
  }
  const names = async (one: RawClient, params: object = {}): Promise<string[]> =>
    (await list(one, params)).map(({ name }) => name);
  const spawn = (one: RawClient, params: object = {}) =>
    one.ask("session/spawn", { prompt: "hello", cwd: wire.daemon.work, ...params });

  it("true: the workspace's agents run, with its default, before the user's of the same name", async () => {
    const one = await client(true);
    const agents = await list(one);
    deepEqual(
      agents.map(({ name, source }) => [name, source]),
      [
        ["shell", "built-in"],
        ["users", file()],
        ["good", file()],
      ],
    );
    equal(agents[1]?.description, "the workspace's own");
    const { session } = (await spawn(one)).result;
    equal(session.agent, "good");
    const { completions } = await one.call("session/wait", { sessionIds: [session.id] });
    deepEqual([completions[0].status, completions[0].result], ["completed", "hello\n"]);
  });

  it("true: every fault names file, path and remedy, and the rest is used", async () => {
    const one = await client(true);
    const { faults } = await one.call("agent/list");
    const paths = [`agents[1].runner.command`, `agents[2].restart.max`, "agent"];
    equal(faults.length, paths.length);
    for (const [place, path] of paths.entries()) {
      ok(faults[place].startsWith(`${file()}: ${path}: `), faults[place]);
      match(faults[place], /Correct it; the rest of the configuration is used\.$/);
    }
    match(faults[2], /there are: agents, defaultAgent, /);
    const { error } = await spawn(one, { agent: "bad" });
    equal(error?.code, 1002);
    match(error?.message ?? "", /no agent "bad"; there are: shell, rehearsal, .*users, good\./);
    ok(error?.message.includes(`${file()}: agents[1].runner.command: `));
    // It is the workspace that is at fault, not the core.
    equal((await one.call("daemon/status")).health, "ok");
  });

  it("true: a fault of the syntax comes with line and column", async () => {
    const one = await client(true);
    writeFileSync(file(), '{\n  "agents": [],\n  "defaultAgent" "x"\n}');
    const { faults } = await one.call("agent/list");
    deepEqual(faults, [
      `${file()}: is not JSON: ColonExpected at line 3, column 18. Correct it; nothing of it is used until then.`,
    ]);
    deepEqual(await names(one), ["shell", "users"]);
  });

  it("true: a changed file counts for the next spawn, a removed one no more", async () => {
    const one = await client(true);
    const changed = {
      agents: [{ name: "other", runner: { kind: "command", command: "/bin/true" } }],
    };
    writeFileSync(file(), JSON.stringify(changed));
    deepEqual(await names(one), ["shell", "users", "other"]);
    equal((await spawn(one, { agent: "other", autoRun: false })).error, undefined);
    rmSync(file());
    deepEqual(await names(one), ["shell", "users"]);
    equal((await spawn(one, { agent: "other" })).error?.code, 1002);
  });

  it("true: the nearest file counts, up to the client's folder and not above it", async () => {
    const one = await client(true);
    const below = join(wire.daemon.work, "a", "b");
    ok((await names(one, { cwd: below })).includes("good"));
    mkdirSync(join(wire.daemon.work, "a", ".offshoot"));
    writeFileSync(join(wire.daemon.work, "a", ".offshoot", "config.json"), '{"agents":[]}');
    equal((await names(one, { cwd: below })).includes("good"), false);
    rmSync(join(wire.daemon.work, "a", ".offshoot"), { recursive: true });
    const inner = await client(true, below);
    equal((await names(inner)).includes("good"), false);
    equal((await names(inner, { cwd: wire.daemon.work })).includes("good"), false);
    const outer = { uri: pathToFileURL(wire.daemon.work).href, name: "outer" };
    const event = { added: [outer], removed: [{ uri: pathToFileURL(below).href, name: "b" }] };
    inner.notify("workspace/didChangeWorkspaceFolders", { event });
    ok((await names(inner, { cwd: wire.daemon.work })).includes("good"), "its folders changed");
    const back = { added: event.removed, removed: [outer] };
    inner.notify("workspace/didChangeWorkspaceFolders", { event: back });
    equal((await names(inner, { cwd: wire.daemon.work })).includes("good"), false);
  });

  it("omitted: nor does it in a later run of a session that somebody else spawned", async () => {
    const trusting = await client(true);
    const ids: string[] = [];
    for (const agent of ["good", "users"]) {
      const { session } = (await spawn(trusting, { agent, autoRun: false })).result;
      ids.push(session.id);
    }
    const [good, own] = ids;
    const one = await client();
    for (const [method, more] of [
      ["session/run", {}],
      ["session/send", { text: "again" }],
    ] as const) {
      const { error } = await one.ask(method, { sessionId: good, ...more });
      equal(error?.code, 1005, method);
      match(error?.message ?? "", /the agent "good" comes from the workspace, which this client/);
    }
    // The user has one of this name as well.
    equal((await one.ask("session/run", { sessionId: own })).error, undefined);
    equal((await trusting.ask("session/run", { sessionId: good })).error, undefined);
    const wait = { sessionIds: ids };
    deepEqual((await trusting.call("session/wait", wait)).pending, []);
  });

  it("omitted: the user's agents run, nothing that the workspace contributes does", async () => {
    // That another client trusts the same folder changes nothing.
    ok((await names(await client(true))).includes("good"));
    const one = await client();
    const agents = await list(one);
    const { faults } = await one.call("agent/list");
    deepEqual(
      agents.map(({ name, source }) => [name, source === "built-in"]),
      [
        ["shell", true],
        ["users", false],
      ],
    );
    equal(faults, undefined);
    equal(agents[1]?.description, "");
    const refused = await spawn(one, { agent: "good" });
    equal(refused.error?.code, 1002);
    equal(refused.error?.message.includes("good, "), false);
    const { session } = (await spawn(one, { prompt: "true" })).result;
    equal(session.agent, "shell");
    const { completions } = await one.call("session/wait", { sessionIds: [session.id] });
    equal(completions[0].status, "completed");
  });

  it("false: runs nothing (1005), by no request, and can look at everything", async () => {
    const { session } = (await spawn(await client(), { autoRun: false })).result;
    const one = await client(false);
    const about = { sessionId: session.id };
    const running: [string, object][] = [
      ["session/spawn", { prompt: "x", cwd: wire.daemon.work }],
      ["session/create", { cwd: wire.daemon.work }],
      ["session/run", about],
      ["session/send", { ...about, text: "x" }],
      ["session/resume", about],
      ["workspace/executeCommand", { command: "offshoot.spawn", arguments: ["x"] }],
      ["workspace/executeCommand", { command: "offshoot.run", arguments: [session.id] }],
    ];
    for (const [method, params] of running) {
      const { error } = await one.ask(method, params);
      deepEqual([error?.code, error?.data], [1005, { kind: "notTrusted" }], method);
      match(error?.message ?? "", /trust it first/);
    }
    equal((await one.call("session/get", about)).session.status, "created");
    deepEqual(await names(one), ["shell", "users"]);
    ok((await one.call("session/list")).sessions.length > 1);
    ok((await one.call("tree/subscribe")).sessions.length > 1);
    equal((await one.call("session/subscribe", about)).lastSeq, 0);
    equal((await one.call("session/messages", about)).messages.length, 1);
    deepEqual(await one.call("session/cancel", about), {});
  });
});
