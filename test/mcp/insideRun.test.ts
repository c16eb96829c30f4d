/** The sub-agent tools inside a run: children of its session, and waits that give its slot back. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import type { Config } from "../../protocol/config.ts";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { startMcpHost } from "../support/mcpHost.ts";
import { repository } from "../support/repository.ts";
import { gate, sessionOf, until } from "../support/runs.ts";

const parentProgram = join(repository, "test", "support", "mcpParent.ts");
const withParent: Config = {
  concurrency: { total: 1, perRoot: 1 },
  agents: [
    {
      name: "parent",
      runner: { kind: "command", command: process.execPath, args: [parentProgram, "{prompt}"] },
    },
  ],
};

interface Line {
  spawned?: string;
  waited?: [status: string, result: string | null][];
  error?: string;
}

describe("the sub-agent tools inside a run", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  before(async () => {
    daemon = startDaemon(withParent);
    client = await daemon.client();
  });
  after(() => daemon.stop());

  async function parent(prompt: string, limits = {}): Promise<string> {
    const spawn = { prompt, agent: "parent", cwd: daemon.work, limits };
    return (await client.call("session/spawn", spawn)).session.id;
  }

  async function linesOf(id: string): Promise<Line[]> {
    const { status, result, error } = await client.completion(id);
    equal(status, "completed", error?.message);
    return (result ?? "")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Line);
  }

  it("spawns children of its session and waits for them on the only slot there is", async () => {
    const id = await parent("echo one\necho two\nexit 3");
    const lines = await linesOf(id);
    const children = lines.flatMap(({ spawned }) => spawned ?? []);
    equal(children.length, 3);
    for (const child of children) {
      const session = await sessionOf(client, child);
      deepEqual([session.parentId, session.depth], [id, 2]);
    }
    deepEqual(lines.at(-1)?.waited, [
      ["completed", "one\n"],
      ["completed", "two\n"],
      ["error", null],
    ]);
  });

  it("is shown as suspended while it waits", async () => {
    const held = gate(daemon.work);
    const id = await parent(held.wait);
    await held.reached();
    const session = await until(client, id, "suspended");
    equal(session.waitingFor.kind, "children");
    held.open();
    const lines = await linesOf(id);
    equal(lines.at(-1)?.waited?.[0]?.[0], "completed");
  });

  it("says what to do when it may nest no deeper", async () => {
    const lines = await linesOf(await parent("echo too deep", { maxDepth: 1 }));
    match(lines[0]?.error ?? "", /maxDepth.*Do this work yourself/);
  });

  it("says what to do when it may have no more children", async () => {
    const lines = await linesOf(await parent("echo one\necho two", { maxChildren: 1 }));
    match(lines[1]?.error ?? "", /maxChildren.*send_message starts it again/);
    equal(lines.at(-1)?.waited?.[0]?.[1], "one\n");
  });

  it("steers its own children only", async () => {
    const held = gate(daemon.work);
    const stranger = await client.shell(held.wait);
    await held.reached();
    const bound = { OFFSHOOT_RUN: "run", OFFSHOOT_SESSION: await parent("echo mine") };
    const host = await startMcpHost(daemon.environment, daemon.work, bound);
    const refused = await host.call("cancel_agent", { id: stranger });
    ok(refused.isError);
    match(refused.text, /no sub-agent of this session/);
    equal((await sessionOf(client, stranger)).status, "running");
    await host.close();
    held.open();
    await client.completion(bound.OFFSHOOT_SESSION);
  });
});
