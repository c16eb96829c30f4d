/** Every state that a sub-agent can be in, as a person sees it, in a light and in a dark theme. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import type { Config } from "../../protocol/config.ts";
import { editorStartMs, startEditor, type Editor } from "../support/editor/editor.ts";
import { hasEditor } from "../support/editor/installEditor.ts";
import { packagedExtension } from "../support/editor/packagedExtension.ts";
import {
  keepEvidence,
  openSubAgents,
  photograph,
  rowAction,
  rowOf,
  useTheme,
  widenSideBar,
  stepByStep,
} from "../support/editor/workbench.ts";
import { openEditor } from "../support/faultEditor.ts";
import { checkLeaks } from "../support/leaks.ts";
import { agentFile } from "../support/runContext.ts";

/** Says something again and again, so that it does not count as stalled. */
const atWork = "while :; do echo tick; sleep 0.2; done";
const stalledMs = 2_000;

/** What holds a slot when all is brought about; what comes after that has to wait in the queue. */
const holders = ["Running", "Stalled", "Child", "Asks a person", "Outside agent"];

const config: Config = {
  stalledMs,
  watchdog: { checkMs: 200 },
  concurrency: { total: 20, perRoot: holders.length },
  agents: [
    {
      name: "asker",
      runner: {
        kind: "command",
        command: process.execPath,
        args: [agentFile("json-claude-talk.mjs")],
        promptVia: "stdin",
        format: "claude-stream-json",
      },
    },
    {
      name: "outside",
      runner: {
        kind: "command",
        command: "sh",
        args: ["outside.sh"],
        format: "claude-stream-json",
      },
    },
    {
      name: "helpless",
      runner: { kind: "command", command: "false" },
      restart: { policy: "escalate" },
    },
  ],
};

if (hasEditor) {
  describe("the states of sub-agents in VS Code", () => {
    checkLeaks();
    stepByStep();

    let editor: Editor;
    let page: Page;
    before("start the editor", async function () {
      this.timeout(editorStartMs);
      editor = await startEditor({
        vsix: await packagedExtension(),
        config,
        settings: {
          "offshoot.notifications": "none",
          "window.commandCenter": false,
          "window.autoDetectColorScheme": true,
        },
        viewport: { width: 1000, height: 700 },
      });
      writeFileSync(join(editor.workspace, "outside.sh"), outsideAgent());
      page = await editor.openWindow();
      await openSubAgents(page);
      await widenSideBar(page, 640);
    });
    after("stop the editor", async () => {
      await editor.stop();
    });
    afterEach("look at what failed", async function () {
      await keepEvidence(editor, page, this.currentTest);
    });

    const spawned = (title: string, ...args: string[]) =>
      editor.offshoot("spawn", "--title", title, ...args);
    const shows = (title: string, state: string) =>
      rowOf(page, new RegExp(`^${title}, ${state}(,|$)`)).waitFor();

    it("are those of what has ended, each with its own word", async () => {
      await spawned("Interrupted", "sleep 600");
      await shows("Interrupted", "running");
      await editor.killCore();
      await shows("Interrupted", "interrupted");
      await spawned("Completed", "echo done");
      await shows("Completed", "completed");
      const skipped = await spawned("Skipped", "echo once");
      await shows("Skipped", "completed");
      const front = await openEditor(editor.environment);
      await front.insist("session/run", { sessionId: skipped });
      await front.close();
      await shows("Skipped", "skipped");
      await spawned("Error", "echo no such file >&2; exit 3");
      await shows("Error", "error");
      await spawned("Timeout", "--timeout", "1s", "sleep 600");
      await shows("Timeout", "timeout");
      const cancelled = await spawned("Cancelled", "sleep 600");
      await shows("Cancelled", "running");
      await editor.offshoot("cancel", cancelled);
      await shows("Cancelled", "cancelled");
    });

    it("are those of what goes on or waits, each with its own word", async () => {
      await spawned("Created", "--no-run", "true");
      await spawned("Running", atWork);
      await spawned("Stalled", "sleep 600");
      const child = `offshoot spawn --title Child -- '${atWork}'`;
      await spawned("Waits for children", `offshoot wait $(${child})`);
      await shows("Waits for children", "waiting for children");
      await spawned("Asks a person", "--agent", "asker", "ask");
      await shows("Asks a person", "needs approval");
      await spawned("Needs words", "--agent", "helpless", "x");
      await shows("Needs words", "needs an answer");
      await spawned("Outside agent", "--agent", "outside", "x");
      await shows("Adopted", "running \\(adopted\\)");
      await shows("Adopted before", "completed \\(adopted\\)");
      const paused = await spawned("Paused", "true");
      await shows("Paused", "queued, place 1");
      await editor.offshoot("pause", paused);
      await shows("Paused", "paused");
      await spawned("Queued", "true");
      await shows("Queued", "queued, place 1");
    });

    it("are all seen in one tree, in a light and in a dark theme", async () => {
      const all = {
        Interrupted: "interrupted",
        Completed: "completed",
        Skipped: "skipped",
        Error: "error",
        Timeout: "timeout",
        Cancelled: "cancelled",
        Created: "not started",
        Running: "running",
        Stalled: "stalled",
        "Waits for children": "waiting for children",
        Child: "running",
        "Asks a person": "needs approval",
        "Needs words": "needs an answer",
        "Outside agent": "running",
        Adopted: "running \\(adopted\\)",
        "Adopted before": "completed \\(adopted\\)",
        Paused: "paused",
        Queued: "queued, place 1",
      };
      for (const theme of ["light", "dark"] as const) {
        await useTheme(page, theme);
        for (const [title, state] of Object.entries(all)) await shows(title, state);
        await photograph(page, `states-${theme}`);
      }
    });

    it("change with what they wait for, and with the views around them", async () => {
      await rowAction(rowOf(page, /, Asks a person wants to /), /^Allow Once/);
      await shows("Asks a person", "completed");
      await rowOf(page, /, Asks a person wants to /).waitFor({ state: "detached" });
      // It had its turn in the slot that has become free.
      await shows("Queued", "completed");
      await photograph(page, "states-answered");
    });
  });
} else {
  describe(`the states in VS Code: not run on ${process.platform} ${process.arch}`, () => {
    it("needs Linux on x64", () => undefined);
  });
}

/** A program that starts two sub-agents of its own, as Claude Code does; one of them goes on. */
function outsideAgent(): string {
  const line = (fields: object) => `echo '${JSON.stringify({ session_id: "s", ...fields })}'`;
  const message = (content: object) => ({ id: "m1", model: "m", content: [content], usage: {} });
  const starts = (id: string, description: string) =>
    line({
      type: "assistant",
      parent_tool_use_id: null,
      message: message({
        type: "tool_use",
        id,
        name: "Task",
        input: { description, prompt: "Look around." },
      }),
    });
  const ends = { type: "tool_result", tool_use_id: "t1", content: "It is fine." };
  const says = (parent_tool_use_id: string | null) =>
    line({
      type: "stream_event",
      parent_tool_use_id,
      event: { type: "content_block_delta", delta: { type: "text_delta", text: "Looking. " } },
    });
  return [
    line({ type: "system", subtype: "init", model: "m" }),
    starts("t1", "Adopted before"),
    starts("t2", "Adopted"),
    line({ type: "user", parent_tool_use_id: null, message: { role: "user", content: [ends] } }),
    `while :; do ${says("t2")}; ${says(null)}; sleep 0.2; done`,
  ].join("\n");
}
