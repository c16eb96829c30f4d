/** A person's way through the packaged extension, in a real VS Code, by what is on the screen. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { editorStartMs, editorStopMs, startEditor, type Editor } from "../support/editor/editor.ts";
import { hasEditor } from "../support/editor/installEditor.ts";
import { packagedExtension } from "../support/editor/packagedExtension.ts";
import {
  confirmUntil,
  keepEvidence,
  openSubAgents,
  photograph,
  reloadWindow,
  rowAction,
  rowNames,
  rowOf,
  spawnSubAgent,
} from "../support/editor/workbench.ts";
import { checkLeaks } from "../support/leaks.ts";

if (hasEditor) {
  describe("a person in VS Code", function () {
    checkLeaks();
    this.timeout(60_000);

    let editor: Editor;
    let page: Page;
    before("start the editor", async function () {
      this.timeout(editorStartMs);
      editor = await startEditor({ vsix: await packagedExtension() });
      page = await editor.openWindow();
    });
    after("stop the editor", async function () {
      this.timeout(editorStopMs);
      await editor.stop();
    });
    afterEach("look at what failed", async function () {
      await keepEvidence(editor, page, this.currentTest);
    });

    it("opens the view, which says what to do while it is empty", async () => {
      await openSubAgents(page);
      await page
        .locator(".sidebar")
        .getByRole("button", { name: /^spawn a sub-agent/i })
        .first()
        .waitFor();
      await photograph(page, "path-1-empty");
    });

    it("spawns a sub-agent from the palette, and sees it run and end", async () => {
      await spawnSubAgent(page, "echo hi; sleep 2");
      await rowOf(page, /^echo hi.*running/).waitFor();
      await photograph(page, "path-2-running");
      await rowOf(page, /^echo hi.*completed/).waitFor();
      await photograph(page, "path-3-completed");
    });

    it("cancels one of three", async () => {
      for (const seconds of ["601", "602", "603"]) await spawnSubAgent(page, `sleep ${seconds}`);
      for (const seconds of ["601", "602", "603"]) {
        await rowOf(page, new RegExp(`^sleep ${seconds}.*running`)).waitFor();
      }
      await photograph(page, "path-4-three");
      await rowAction(rowOf(page, /^sleep 602/), /^Cancel/);
      await confirmUntil(page, rowOf(page, /^sleep 602.*cancelled/));
      await rowOf(page, /^sleep 601.*running/).waitFor();
      await rowOf(page, /^sleep 603.*running/).waitFor();
      await photograph(page, "path-5-one-cancelled");
    });

    it("reloads the window in the middle, and finds all of them again", async () => {
      await reloadWindow(page);
      await openSubAgents(page);
      await rowOf(page, /^echo hi.*completed/).waitFor();
      await rowOf(page, /^sleep 601.*running/).waitFor();
      await rowOf(page, /^sleep 602.*cancelled/).waitFor();
      await rowOf(page, /^sleep 603.*running/).waitFor();
      assert.equal((await rowNames(page)).length, 4);
      await photograph(page, "path-6-reloaded");
    });

    it("sees the same tree in two windows", async () => {
      const other = await editor.openWindow();
      await openSubAgents(other);
      await rowOf(other, /^sleep 601.*running/).waitFor();
      await spawnSubAgent(other, "sleep 604");
      await rowOf(page, /^sleep 604.*running/).waitFor();
      await rowAction(rowOf(page, /^sleep 601/), /^Cancel/);
      await confirmUntil(page, rowOf(page, /^sleep 601.*cancelled/));
      await rowOf(other, /^sleep 601.*cancelled/).waitFor();
      await photograph(other, "path-7-other-window");
      await other.close();
      await rowOf(page, /^sleep 604.*running/).waitFor();
    });

    it("sees the tree recover from kill -9 of the core, and goes on", async () => {
      await editor.killCore();
      await rowOf(page, /^sleep 603.*interrupted/).waitFor();
      await rowOf(page, /^sleep 604.*interrupted/).waitFor();
      await photograph(page, "path-8-core-killed");
      await spawnSubAgent(page, "echo again");
      await rowOf(page, /^echo again.*completed/).waitFor();
      await photograph(page, "path-9-goes-on");
    });

    it("sees every state, each with a word of its own", async () => {
      const shell = (...args: string[]) => editor.offshoot("spawn", ...args);
      await shell("--title", "Fails", "echo no such file >&2; exit 3");
      await shell("--title", "Takes too long", "--timeout", "1s", "sleep 600");
      await shell("--title", "Only stored", "--no-run", "true");
      // Four of a root run at once; they are children of nobody, so they share one.
      for (const name of ["one", "two", "three", "four"]) {
        await shell("--title", `Runs ${name}`, "sleep 600");
      }
      await rowOf(page, /^Takes too long.*timeout/).waitFor();
      await rowOf(page, /^Runs four.*running/).waitFor();
      const held = await shell("--title", "Held", "sleep 600");
      await editor.offshoot("pause", held);
      await shell("--title", "Waits its turn", "sleep 600");
      for (const expected of [
        /^Fails.*error.*3/,
        /^Takes too long.*timeout/,
        /^Only stored.*not started/,
        /^Runs one.*running/,
        /^Held.*paused/,
        /^Waits its turn.*queued/,
        /^sleep 601.*cancelled/,
        /^sleep 603.*interrupted/,
        /^echo again.*completed/,
      ]) {
        await rowOf(page, expected).waitFor();
      }
      await photograph(page, "path-10-states");
    });
  });
} else {
  describe(`a person in VS Code: not run on ${process.platform} ${process.arch}`, () => {
    it("needs Linux on x64", () => undefined);
  });
}
