/** A person's way through the packaged extension, in a real VS Code, by what is on the screen. */
import { equal } from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { editorStartMs, startEditor, type Editor } from "../support/editor/editor.ts";
import { hasEditor } from "../support/editor/installEditor.ts";
import { packagedExtension } from "../support/editor/packagedExtension.ts";
import {
  closeEditors,
  confirmUntil,
  contextMenu,
  keepEvidence,
  openSubAgents,
  photograph,
  reloadWindow,
  rowAction,
  rowNames,
  rowOf,
  spawnSubAgent,
  tooltipOf,
  webview,
  stepByStep,
} from "../support/editor/workbench.ts";
import { checkLeaks } from "../support/leaks.ts";
import { script, startModelServer, type ModelServer } from "../support/modelServer.ts";
import { gate } from "../support/runs.ts";

if (hasEditor) {
  describe("a person in VS Code", () => {
    checkLeaks();
    stepByStep();

    let models: ModelServer;
    let editor: Editor;
    let page: Page;
    before("start the editor", async function () {
      this.timeout(editorStartMs);
      models = await startModelServer();
      editor = await startEditor({
        vsix: await packagedExtension(),
        config: {
          providers: { local: { kind: "openai-compatible", baseUrl: models.baseUrl } },
          agents: [{ name: "writer", model: "local/small", runner: { kind: "model" } }],
        },
      });
      page = await editor.openWindow();
    });
    after("stop the editor", async () => {
      await editor.stop();
      await models.close();
    });
    afterEach("look at what failed", async function () {
      await keepEvidence(editor, page, this.currentTest);
    });

    const waiting = (title: string) => new RegExp(`, ${title} wants to `);

    /** Spawns the built-in agent, which calls one tool, if it may, and says that it has done so. */
    function writer(title: string, tool: { name: string; input: object }): Promise<string> {
      const prompt = script(title, { calls: [tool] }, { text: `${title}: done.` });
      return editor.offshoot("spawn", "--agent", "writer", "--title", title, prompt);
    }

    it("opens the view, which says what to do while it is empty", async () => {
      await openSubAgents(page);
      await page
        .locator(".sidebar")
        .getByRole("button", { name: /^spawn a sub-agent/i })
        .first()
        .waitFor();
      await photograph(page, "path-01-empty");
    });

    it("spawns from the palette, and sees events and heartbeats arrive", async () => {
      const [linking, packing] = [gate(editor.workspace), gate(editor.workspace)];
      const steps = ["echo compiling", linking.wait, "echo linking", packing.wait, "echo packed"];
      writeFileSync(join(editor.workspace, "build.sh"), steps.join("\n"));
      const row = await spawnSubAgent(page, "sh build.sh");
      await rowOf(page, /^sh build\.sh, running/).waitFor();
      await photograph(page, "path-02-running");

      await tooltipOf(page, row, "alive");
      await photograph(page, "path-03-heartbeat");

      await contextMenu(page, row, "Open the Transcript");
      // The head of the page says the last line too.
      const said = webview(page).getByRole("article");
      await said.getByText("compiling").waitFor();
      equal(await said.getByText("linking").count(), 0);
      await photograph(page, "path-04-transcript");
      linking.open();
      await rowOf(page, /^sh build\.sh, running.*linking/).waitFor();
      await said.getByText("linking").waitFor();
      packing.open();
      await said.getByText("packed").waitFor();
      await rowOf(page, /^sh build\.sh, completed/).waitFor();
      await photograph(page, "path-05-completed");
      await closeEditors(page);
    });

    it("allows a change in “Waiting for You”", async () => {
      const file = join(editor.workspace, "tea.txt");
      writeFileSync(file, "green tea\n");
      const input = { path: "tea.txt", oldText: "green", newText: "black" };
      await writer("Brew", { name: "edit_file", input });
      await rowOf(page, waiting("Brew")).waitFor();
      await rowOf(page, /^Brew, needs approval/).waitFor();
      await photograph(page, "path-06-approval");
      equal(readFileSync(file, "utf8"), "green tea\n");
      await rowAction(rowOf(page, waiting("Brew")), /^Allow Once/);
      await rowOf(page, waiting("Brew")).waitFor({ state: "detached" });
      await rowOf(page, /^Brew, completed/).waitFor();
      equal(readFileSync(file, "utf8"), "black tea\n");
    });

    it("allows a command in the transcript", async () => {
      await writer("Pour", { name: "run_command", input: { command: "echo poured > cup.txt" } });
      await rowOf(page, waiting("Pour")).waitFor();
      await contextMenu(page, rowOf(page, /^Pour, needs approval/), "Open the Transcript");
      const allow = webview(page).getByRole("button", { name: "Allow once" });
      await allow.waitFor();
      await photograph(page, "path-07-approval-in-transcript");
      await allow.click();
      await webview(page).getByText("Pour: done.", { exact: true }).waitFor();
      await rowOf(page, /^Pour, completed/).waitFor();
      await rowOf(page, waiting("Pour")).waitFor({ state: "detached" });
      equal(readFileSync(join(editor.workspace, "cup.txt"), "utf8"), "poured\n");
      await photograph(page, "path-08-allowed");
      await closeEditors(page);
    });

    it("cancels one of three", async () => {
      for (const seconds of ["601", "602", "603"]) await spawnSubAgent(page, `sleep ${seconds}`);
      for (const seconds of ["601", "602", "603"]) {
        await rowOf(page, new RegExp(`^sleep ${seconds}, running`)).waitFor();
      }
      await photograph(page, "path-09-three");
      await rowAction(rowOf(page, /^sleep 602/), /^Cancel/);
      await confirmUntil(page, rowOf(page, /^sleep 602, cancelled/));
      await rowOf(page, /^sleep 601, running/).waitFor();
      await rowOf(page, /^sleep 603, running/).waitFor();
      await photograph(page, "path-10-one-cancelled");
    });

    it("reloads the window in the middle, and finds all of it again", async () => {
      await writer("Stir", { name: "run_command", input: { command: "echo stirred" } });
      await rowOf(page, waiting("Stir")).waitFor();
      await contextMenu(page, rowOf(page, /^sleep 601/), "Open the Transcript");
      await webview(page).getByRole("heading", { name: "sleep 601" }).waitFor();
      await photograph(page, "path-11-before-reload");
      await reloadWindow(page);
      await openSubAgents(page);
      for (const found of [
        /^sh build\.sh, completed/,
        /^sleep 601, running/,
        /^sleep 602, cancelled/,
        /^sleep 603, running/,
        /^Stir, needs approval/,
        waiting("Stir"),
      ]) {
        await rowOf(page, found).waitFor();
      }
      equal(
        (await rowNames(page)).length,
        "build Brew Pour 601 602 603 Stir asks".split(" ").length,
      );
      await webview(page).getByRole("heading", { name: "sleep 601" }).waitFor();
      await photograph(page, "path-12-reloaded");
      await closeEditors(page);
    });

    it("sees the same in two windows, and what one answers is gone from the other", async () => {
      const other = await editor.openWindow();
      await openSubAgents(other);
      await rowOf(other, waiting("Stir")).waitFor();
      await spawnSubAgent(other, "sleep 604");
      await rowOf(page, /^sleep 604, running/).waitFor();
      await photograph(other, "path-13-other-window");
      await rowAction(rowOf(other, waiting("Stir")), /^Allow Once/);
      await rowOf(page, waiting("Stir")).waitFor({ state: "detached" });
      await rowOf(page, /^Stir, completed/).waitFor();
      await rowAction(rowOf(page, /^sleep 601/), /^Cancel/);
      await confirmUntil(page, rowOf(page, /^sleep 601, cancelled/));
      await rowOf(other, /^sleep 601, cancelled/).waitFor();
      await photograph(page, "path-14-answered-elsewhere");
      await other.close();
      await rowOf(page, /^sleep 604, running/).waitFor();
    });

    it("sees the tree recover from kill -9 of the core, and goes on", async () => {
      await editor.killCore();
      await rowOf(page, /^sleep 603, interrupted/).waitFor();
      await rowOf(page, /^sleep 604, interrupted/).waitFor();
      await rowOf(page, /^sh build\.sh, completed/).waitFor();
      await photograph(page, "path-15-core-killed");
      await spawnSubAgent(page, "echo again");
      await rowOf(page, /^echo again, completed/).waitFor();
      await photograph(page, "path-16-goes-on");
    });
  });
} else {
  describe(`a person in VS Code: not run on ${process.platform} ${process.arch}`, () => {
    it("needs Linux on x64", () => undefined);
  });
}
