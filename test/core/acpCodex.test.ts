/** A real agent, Codex, through the whole core, with a scripted model behind it and no network. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Approval } from "../../protocol/approvals.ts";
import { startCodexModelServer } from "../support/acpModelServer.ts";
import { codexProgram, writeCodexHome } from "../support/acpRealAgents.ts";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { script, type ModelServer } from "../support/modelServer.ts";
import { processesOf, sessionOf, until } from "../support/runs.ts";
import { testFolder } from "../support/testFolder.ts";
import { waitFor } from "../support/waitFor.ts";

/** Without a sandbox, which not every machine has, and therefore after a question. */
const command = (cmd: string) => ({
  name: "exec_command",
  input: { cmd, sandbox_permissions: "require_escalated", justification: "because" },
});

describe("Codex in the core", () => {
  checkLeaks();
  let server: ModelServer;
  let folder = "";
  let daemon: TestDaemon | undefined;
  let client: TestClient;

  before("install Codex, start the model and a daemon", async function () {
    let program: string;
    try {
      program = await codexProgram();
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      process.stderr.write(`Codex is not tested: it could not be installed. ${words}\n`);
      this.skip();
    }
    server = await startCodexModelServer();
    folder = mkdtempSync(join(testFolder, "codex-"));
    const env = { CODEX_HOME: writeCodexHome(folder, server.baseUrl) };
    daemon = startDaemon({
      agents: [{ name: "codex", runner: { kind: "acp", command: program, env } }],
    });
    client = await daemon.client();
  });
  after("stop them", async () => {
    await daemon?.stop();
    await server?.close();
    if (folder !== "") rmSync(folder, { recursive: true, force: true });
  });

  const work = () => daemon?.work ?? "";
  async function spawn(prompt: string): Promise<string> {
    const params = { agent: "codex", prompt, cwd: work() };
    return (await client.call("session/spawn", params)).session.id;
  }
  async function allow(id: string): Promise<Approval> {
    const asked = () =>
      client.of("approval/requested").find(({ approval }) => approval.sessionId === id);
    const { approval } = await waitFor(asked, "the question", { describe: () => client.received });
    await client.call("approval/respond", { approvalId: approval.id, decision: "allowOnce" });
    return approval;
  }

  it("asks, is answered, works, and ends with its answer", async () => {
    const made = { calls: [command("echo made > made.txt")] };
    const id = await spawn(script("make it", made, { text: "Done.", deltas: 3 }));
    await allow(id);
    const { status, result } = await client.completion(id);
    deepEqual([status, result], ["completed", "Done."]);
    ok(existsSync(join(work(), "made.txt")));
    const session = await sessionOf(client, id);
    deepEqual([session.agent, session.runner, session.model], ["codex", "acp", "scripted"]);
  });

  it("is cancelled without a trace, also of the tool that it would leave running", async () => {
    const id = await spawn(
      script("run long", { calls: [command("touch running; sleep 1000")] }, { text: "?" }),
    );
    await allow(id);
    const { runId } = await until(client, id, "running");
    await waitFor(() => existsSync(join(work(), "running")), "the tool to run");
    await client.call("session/cancel", { sessionId: id });
    equal((await client.completion(id)).status, "cancelled");
    deepEqual(processesOf(runId), []);
  });

  it("spawns into the same tree with the tools that it was handed", async () => {
    const input = { prompt: "echo from below", agent: "shell" };
    const call = { namespace: "mcp__offshoot", name: "spawn_agent", input };
    const id = await spawn(script("delegate", { calls: [call] }, { text: "Spawned." }));
    const { toolName, input: shown } = await allow(id);
    deepEqual([toolName, shown], ["mcp__offshoot__spawn_agent", input]);
    const child = () =>
      client.of("session/changed").find(({ session }) => session.parentId === id)?.session;
    const { id: childId } = await waitFor(child, "the child", {
      describe: () => server.requests.at(-1)?.body.input,
    });
    equal((await client.completion(childId)).result, "from below\n");
    equal((await client.completion(id)).result, "Spawned.");
  });
});
