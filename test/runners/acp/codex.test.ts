/** A real agent, Codex, over ACP, with a scripted model behind it and no network. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { acpSuite } from "../../support/acpSuite.ts";
import { codexProgram, writeCodexHome } from "../../support/acpRealAgents.ts";
import { startCodexModelServer } from "../../support/acpModelServer.ts";
import type { AcpRunOptions } from "../../support/acpRun.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { script, type ModelServer } from "../../support/modelServer.ts";
import { testFolder } from "../../support/testFolder.ts";
import { waitFor } from "../../support/waitFor.ts";

/** Without a sandbox, which not every machine has, and therefore after a question. */
const command = (cmd: string) => ({
  name: "exec_command",
  input: { cmd, sandbox_permissions: "require_escalated", justification: "because" },
});

describe("Codex over ACP", () => {
  checkLeaks();
  const startAny = acpSuite();
  let program = "";
  let server: ModelServer;
  let folder = "";

  before("install Codex and start the model", async function () {
    try {
      program = await codexProgram();
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      process.stderr.write(`Codex is not tested: it could not be installed. ${words}\n`);
      this.skip();
    }
    server = await startCodexModelServer();
    folder = mkdtempSync(join(testFolder, "codex-"));
  });
  after("stop the model", async () => {
    await server?.close();
    if (folder !== "") rmSync(folder, { recursive: true, force: true });
  });

  const start = (prompt: string, more: Partial<AcpRunOptions> = {}) =>
    startAny({
      config: {
        kind: "acp",
        command: program,
        env: { CODEX_HOME: writeCodexHome(folder, server.baseUrl) },
      },
      prompt,
      ...more,
    });

  it("asks, is answered, works, and ends with its answer", async () => {
    const run = start(
      script("make it", { calls: [command("echo made > made.txt")] }, { text: "Done.", deltas: 3 }),
    );
    assert.deepEqual(await run.outcome, { status: "completed", result: "Done." });
    assert.ok(existsSync(join(run.cwd, "made.txt")));
    assert.deepEqual(
      run.asked.map(({ kind, subject }) => [kind, subject]),
      [["execute", "echo made > made.txt"]],
    );
    assert.equal(run.ofType("tool.started").length, 1);
    assert.equal(run.ofType("tool.completed")[0]?.status, "completed");
    assert.deepEqual(run.described, [{ model: "scripted" }]);
    // It does not say what it used, so that stays unknown.
    assert.equal(run.ofType("turn.completed")[0]?.usage, undefined);
  });

  it("does not do what was denied", async () => {
    const run = start(script("deny it", { calls: [command("touch made.txt")] }, { text: "No." }), {
      answer: () => ({ decision: "denyOnce" }),
    });
    const outcome = await run.outcome;
    assert.ok(!existsSync(join(run.cwd, "made.txt")));
    assert.notEqual(outcome.status, "completed");
  });

  it("is cancelled with the tool that it leaves running", async () => {
    const run = start(
      script("run long", { calls: [command("touch running; sleep 1000")] }, { text: "?" }),
    );
    await waitFor(() => existsSync(join(run.cwd, "running")), "the tool to run", {
      describe: () => run.events,
    });
    run.abort();
    assert.equal((await run.outcome).status, "aborted");
  });

  it("is cancelled in the middle of what it says, and hangs up on its model", async () => {
    const before = server.counts.hangUps;
    const run = start(
      script("talk", { text: "on and on", deltas: 3, delayMs: 10, ending: "hang" }),
    );
    await waitFor(
      () => run.ofType("message.delta").some(({ text }) => text.includes("on")),
      "a delta",
    );
    run.abort();
    assert.equal((await run.outcome).status, "aborted");
    await waitFor(() => server.counts.hangUps > before, "the hang-up");
  });

  it("goes on with its session in a later run", async () => {
    const first = start(script("first", { text: "I am Codex." }));
    await first.outcome;
    const cwd = mkdtempSync(join(folder, "work-"));
    const second = start(script("second", { text: "Still." }), {
      remembered: first.remembered,
      cwd,
    });
    assert.equal((await second.outcome).status, "completed");
    const texts = JSON.stringify(server.requests.at(-1)?.body.input);
    assert.ok(texts.includes("I am Codex."));
    assert.equal(second.remembered["acpSessionId"], first.remembered["acpSessionId"]);
  });

  it("fails with an error where its model does", async () => {
    const run = start(script("fail", { status: 500, errorText: "broken" }));
    const outcome = await run.outcome;
    assert.ok(
      outcome.status === "error" || run.ofType("note").some(({ level }) => level === "warning"),
    );
  });
});
