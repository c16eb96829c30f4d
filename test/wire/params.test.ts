import { deepEqual, equal, match, ok } from "node:assert/strict";
import { requests } from "../../protocol/messages.ts";
import type { RawClient } from "../support/rawClient.ts";
import { wireSuite } from "../support/wire.ts";

/** Wrong params, and the paths of their faults in order. */
const wrong: [method: keyof typeof requests, params: object, paths: string[]][] = [
  [
    "initialize",
    { processId: "1", workspaceFolders: [{ uri: 1 }] },
    ["processId", "workspaceFolders[0].uri", "workspaceFolders[0].name"],
  ],
  [
    "initialize",
    { initializationOptions: { offshoot: { protocolVersion: "1" } } },
    ["initializationOptions.offshoot.protocolVersion"],
  ],
  [
    "initialize",
    { initializationOptions: { offshoot: { workspaceTrusted: "yes", ui: "web" } } },
    ["initializationOptions.offshoot.ui", "initializationOptions.offshoot.workspaceTrusted"],
  ],
  [
    "initialize",
    { workspaceFolders: [{ uri: "file://elsewhere/x", name: "x" }] },
    ["workspaceFolders"],
  ],
  ["initialize", { rootPath: "x/y" }, ["rootPath"]],
  ["session/create", {}, ["cwd"]],
  ["session/create", { cwd: "/", title: 1 }, ["title"]],
  ["session/create", { cwd: "x/y" }, ["cwd"]],
  ["session/spawn", {}, ["prompt"]],
  ["session/spawn", { prompt: "" }, ["prompt"]],
  ["session/spawn", { prompt: "true" }, ["cwd"]],
  ["session/spawn", { prompt: "true", cwd: "." }, ["cwd"]],
  ["session/spawn", { prompt: "true", cwd: "" }, ["cwd"]],
  ["session/spawn", { prompt: "x", parentId: "", requestKey: "" }, ["parentId", "requestKey"]],
  [
    "session/spawn",
    { prompt: "x", limits: { maxTurns: -1, timeoutMs: "5" } },
    ["limits.maxTurns", "limits.timeoutMs"],
  ],
  [
    "session/spawn",
    { prompt: "x", limits: { timeoutMs: 0, maxDepth: 1.5 } },
    ["limits.timeoutMs", "limits.maxDepth"],
  ],
  ["session/spawn", { prompt: "x", priority: 1001, autoRun: "no" }, ["priority", "autoRun"]],
  [
    "session/spawn",
    { prompt: "x", overrides: { runner: { kind: "shell" } } },
    ["overrides.runner.kind"],
  ],
  ["session/spawn", { prompt: "x", overrides: { name: "x" } }, ["overrides"]],
  [
    "session/spawn",
    {
      prompt: "x",
      overrides: {
        permissions: {
          rules: [
            { tool: "a", decision: "allow" },
            { tool: "b", decision: "no" },
          ],
        },
      },
    },
    ["overrides.permissions.rules[1].decision"],
  ],
  ["session/send", { sessionId: "x" }, ["text"]],
  ["session/send", { sessionId: "x", text: "", interrupt: 1 }, ["text", "interrupt"]],
  ["session/list", { status: ["running", "asleep"], limit: 0 }, ["status[1]", "limit"]],
  ["session/list", { limit: 1001, text: 1 }, ["text", "limit"]],
  ["session/events", { sessionId: "x", after: -1, limit: 1.5 }, ["after", "limit"]],
  ["session/blob", { sessionId: "x", blobId: 1 }, ["blobId"]],
  ["session/wait", { sessionIds: [] }, ["sessionIds"]],
  [
    "session/wait",
    { sessionIds: ["x", 1], until: "some", timeoutMs: -1 },
    ["sessionIds[1]", "until", "timeoutMs"],
  ],
  [
    "tree/subscribe",
    { rootIds: "x", events: "few", afterCompletion: -1 },
    ["rootIds", "events", "afterCompletion"],
  ],
  ["session/subscribe", { sessionId: 1, after: "0" }, ["sessionId", "after"]],
  ["approval/respond", { approvalId: "x", decision: "maybe" }, ["decision"]],
  ["agent/list", { cwd: 1 }, ["cwd"]],
  ["agent/list", { cwd: "x" }, ["cwd"]],
  ["daemon/prune", { maxAgeMs: -1 }, ["maxAgeMs"]],
  ["daemon/stop", { runs: "kill" }, ["runs"]],
  ["workspace/executeCommand", {}, ["command"]],
  ["workspace/executeCommand", { command: "offshoot.nothing" }, ["command"]],
  ["workspace/executeCommand", { command: "offshoot.spawn", arguments: "x" }, ["arguments"]],
  ["workspace/executeCommand", { command: "offshoot.spawn", arguments: [{}] }, ["prompt"]],
  ["workspace/executeCommand", { command: "offshoot.cancel" }, ["sessionId"]],
];

describe("wire: wrong params", () => {
  const wire = wireSuite();

  it("answers -32602 with the path of each fault", async () => {
    const [opened, fresh] = await Promise.all([wire.socket(), wire.socket()]);
    await opened.open();
    for (const [method, params, paths] of wrong) {
      const client = method === "initialize" ? fresh : opened;
      const { error } = await client.ask(method, params);
      const what = `${method} ${JSON.stringify(params)}: ${JSON.stringify(error)}`;
      equal(error?.code, -32602, what);
      deepEqual(new Set(issuesOf(error).map(({ path }) => path)), new Set(paths), what);
      for (const { path, message } of issuesOf(error)) {
        ok(message.length > 5, what);
        ok(error.message.includes(path) && error.message.includes(method), what);
      }
    }
  });

  it("refuses every request that needs a session without one", async () => {
    const client = await wire.socket();
    await client.open();
    const needing = Object.keys(requests).filter(
      (method) => method.startsWith("session/") && !/create|spawn|list|wait/.test(method),
    );
    ok(needing.length >= 11);
    for (const method of needing) {
      for (const params of [{}, { sessionId: "" }, { sessionId: 5 }]) {
        const { error } = await client.ask(method, params);
        equal(error?.code, -32602, method);
        ok(
          issuesOf(error).some(({ path }) => path === "sessionId"),
          method,
        );
      }
    }
  });

  it("names what is allowed where there is a choice", async () => {
    const client = await wire.socket();
    await client.open();
    const runner = await client.ask("session/spawn", {
      prompt: "x",
      overrides: { runner: { kind: "x" } },
    });
    match(issuesOf(runner.error)[0]?.message ?? "", /'command' \| 'acp' \| 'model'/);
    const command = await client.ask("workspace/executeCommand", { command: "offshoot.x" });
    match(issuesOf(command.error)[0]?.message ?? "", /offshoot\.spawn, .*offshoot\.cancel/);
  });

  it("ignores fields that it does not know, so that newer clients can come", async () => {
    const client = await wire.socket();
    const { error } = await client.open({ color: "red" }, { locale: "de", newField: {} });
    equal(error, undefined);
    equal((await client.ask("daemon/status", { verbose: true })).error, undefined);
    equal((await client.ask("session/create", { cwd: "/", color: 1 })).error, undefined);
  });

  it("refuses cursors and roots that are none, with the path", async () => {
    const client = await wire.socket();
    await client.open();
    const { session: root } = await client.call("session/create", { cwd: wire.daemon.work });
    const { session } = await client.call("session/spawn", {
      parentId: root.id,
      prompt: "x",
      autoRun: false,
    });
    const asked = async (method: string, params: object) =>
      issuesOf((await client.ask(method, params)).error).map(({ path }) => path);
    for (const cursor of ["x", "-1", "1.5"]) {
      deepEqual(await asked("session/messages", { sessionId: session.id, cursor }), ["cursor"]);
    }
    deepEqual(await asked("tree/subscribe", { rootIds: [root.id, session.id] }), ["rootIds[1]"]);
    const unknown = await client.ask("tree/subscribe", { rootIds: ["no-such"] });
    deepEqual(unknown.error?.data, { kind: "sessionNotFound", sessionId: "no-such" });
    deepEqual(client.notifications(), []);
  });
});

function issuesOf(error: RawClient["received"][0]["error"]): { path: string; message: string }[] {
  return error?.data?.issues ?? [];
}
