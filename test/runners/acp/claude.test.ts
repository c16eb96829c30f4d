/** A real agent, Claude Code, over ACP, with a scripted model behind it and no network. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { acpSuite } from "../../support/acpSuite.ts";
import { claudeScript } from "../../support/acpRealAgents.ts";
import type { AcpRunOptions } from "../../support/acpRun.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { script, startModelServer, type ModelServer } from "../../support/modelServer.ts";
import { testFolder } from "../../support/testFolder.ts";
import { waitFor } from "../../support/waitFor.ts";

const bash = (command: string) => ({ name: "Bash", input: { command, description: "do it" } });

describe("Claude Code over ACP", () => {
  checkLeaks();
  const startAny = acpSuite();
  let program = "";
  let server: ModelServer;
  let folder = "";

  before("install Claude Code's adapter and start the model", async function () {
    try {
      program = await claudeScript();
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      process.stderr.write(`Claude Code is not tested: it could not be installed. ${words}\n`);
      this.skip();
    }
    server = await startModelServer();
    folder = mkdtempSync(join(testFolder, "claude-"));
  });
  after("stop the model", async () => {
    await server?.close();
    if (folder !== "") rmSync(folder, { recursive: true, force: true });
  });

  const start = (prompt: string, more: Partial<AcpRunOptions> = {}) =>
    startAny({
      config: {
        kind: "acp",
        command: process.execPath,
        args: [program],
        env: {
          ANTHROPIC_BASE_URL: server.baseUrl.replace(/\/v1$/, ""),
          ANTHROPIC_API_KEY: "none",
          CLAUDE_CONFIG_DIR: folder,
          TMPDIR: folder,
          CLAUDE_CODE_TMPDIR: folder,
          CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
        },
      },
      prompt,
      ...more,
    });

  it("asks, is answered, works, and tells what it used", async () => {
    const run = start(
      script(
        "make it",
        { calls: [bash("echo made > made.txt")], usage: { input: 20, output: 7 } },
        { text: "Done.", deltas: 3, usage: { input: 30, output: 3 } },
      ),
    );
    assert.deepEqual(await run.outcome, { status: "completed", result: "Done." });
    assert.ok(existsSync(join(run.cwd, "made.txt")));
    assert.deepEqual(
      run.asked.map(({ toolName, kind, subject }) => [toolName, kind, subject]),
      [["Bash", "execute", "echo made > made.txt"]],
    );
    assert.deepEqual(
      run.ofType("tool.started").map(({ name, input }) => [name, input]),
      [["Bash", bash("echo made > made.txt").input]],
    );
    assert.equal(run.ofType("tool.completed")[0]?.status, "completed");
    const { usage } = run.ofType("turn.completed")[0] ?? {};
    assert.deepEqual([usage?.inputTokens, usage?.outputTokens], [50, 10]);
    assert.ok((usage?.costUsd ?? 0) > 0);
  });

  it("is told what was denied", async () => {
    const run = start(script("deny it", { calls: [bash("touch made.txt")] }, { text: "No." }), {
      answer: () => ({ decision: "denyOnce" }),
    });
    await run.outcome;
    assert.ok(!existsSync(join(run.cwd, "made.txt")));
    assert.equal(run.ofType("tool.completed")[0]?.status, "denied");
  });

  it("is cancelled with its tool, and leaves nothing behind", async () => {
    const run = start(script("run long", { calls: [bash("touch running; sleep 1000")] }));
    await waitFor(() => existsSync(join(run.cwd, "running")), "the tool to run", {
      describe: () => run.events,
    });
    run.abort();
    assert.equal((await run.outcome).status, "aborted");
  });

  it("shows its own sub-agents as children of the run", async () => {
    const run = start(
      script(
        "delegate",
        {
          calls: [
            {
              name: "Agent",
              input: {
                description: "Count files",
                prompt: "Count the files.",
                subagent_type: "general-purpose",
                run_in_background: false,
              },
            },
          ],
        },
        { text: "All counted." },
      ),
    );
    assert.equal((await run.outcome).status, "completed");
    assert.deepEqual(
      run.adopted.map(({ child: { title } }) => title),
      ["Count files"],
    );
    assert.equal(run.adopted[0]?.outcomes.length, 1);
  });
});
