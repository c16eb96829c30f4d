/** The editor's chat models, those of another extension, as models of the built-in agent. */
import { deepEqual, match, ok } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { companionExtension, companionNotes } from "../support/editor/companion.ts";
import { editorStartMs, startEditor, type Editor } from "../support/editor/editor.ts";
import { hasEditor } from "../support/editor/installEditor.ts";
import { packagedExtension } from "../support/editor/packagedExtension.ts";
import {
  contextMenu,
  keepEvidence,
  openSubAgents,
  photograph,
  reloadWindow,
  rowAction,
  rowOf,
  runCommand,
  webview,
  stepByStep,
} from "../support/editor/workbench.ts";
import { checkLeaks } from "../support/leaks.ts";
import { waitFor } from "../support/waitFor.ts";

const notOffered = (title: string) =>
  new RegExp(`^${title}, error,.*no connected window offers the model vscode/companion/echo`);

if (hasEditor) {
  describe("the editor's models in VS Code", () => {
    checkLeaks();
    stepByStep();

    let editor: Editor;
    let page: Page;
    before("start the editor", async function () {
      this.timeout(editorStartMs);
      const vsix = [await packagedExtension(), await companionExtension()];
      editor = await startEditor({ vsix, settings: { "offshoot.notifications": "none" } });
      page = await editor.openWindow();
      await openSubAgents(page);
    });
    after("stop the editor", async () => {
      await editor.stop();
    });
    afterEach("look at what failed", async function () {
      await keepEvidence(editor, page, this.currentTest);
    });

    const spawned = (title: string, prompt: string) => {
      const model = ["--agent", "model", "--model", "vscode/companion/echo"];
      return editor.offshoot("spawn", ...model, "--title", title, prompt);
    };
    const toast = (text: string) => page.locator(".notification-toast").filter({ hasText: text });

    it("are not used before the person has said so, and a run says what to do", async () => {
      await spawned("Too early", "say nothing");
      await rowOf(page, notOffered("Too early")).waitFor();
      deepEqual(companionNotes(editor), []);
    });

    it("are lent after a question that names them", async () => {
      await runCommand(page, "Offshoot: Let Sub-agents Use the Editor's Models");
      const question = page.getByRole("dialog").filter({ hasText: "Echo" });
      await question.waitFor();
      await photograph(page, "models-1-question");
      await question.getByRole("button", { name: "Use Them" }).click();
      await toast("vscode/companion/echo").waitFor();
    });

    it("answer a sub-agent", async () => {
      const id = await spawned("Says it", "say one two three");
      await rowOf(page, /^Says it, completed/).waitFor();
      match(await editor.offshoot("tail", id), /one two three/);
      await contextMenu(page, rowOf(page, /^Says it/), "Open the Transcript");
      await webview(page)
        .getByRole("article")
        .getByText("one two three", { exact: true })
        .waitFor();
      await photograph(page, "models-2-answered");
    });

    it("call its tools, and read what these answer", async () => {
      writeFileSync(join(editor.workspace, "teapot.txt"), "");
      const id = await spawned("Looks", "look");
      await rowOf(page, /^Looks, completed/).waitFor();
      match(await editor.offshoot("tail", id), /It has: .*teapot\.txt/s);
      const [first, second] = companionNotes(editor).slice(-2);
      ok(first?.tools?.includes("list_dir"));
      deepEqual([first?.isResult, second?.isResult], [false, true]);
    });

    it("are told of a cancel", async () => {
      await spawned("Thinks", "think");
      await waitFor(() => companionNotes(editor).at(-1)?.asked?.includes("think"), "the question");
      await rowOf(page, /^Thinks, running/).waitFor();
      await rowAction(rowOf(page, /^Thinks/), /^Cancel/);
      await rowOf(page, /^Thinks, cancelled/).waitFor();
      await waitFor(() => companionNotes(editor).at(-1)?.cancelled, "the model to be told");
    });

    it("are lent again by a window that was reloaded", async () => {
      await reloadWindow(page);
      await openSubAgents(page);
      await rowOf(page, /^Thinks, cancelled/).waitFor();
      await spawned("Says it again", "say four");
      await rowOf(page, /^Says it again, completed/).waitFor();
    });

    it("are taken back, and the next run says what is missing", async () => {
      await runCommand(page, "Offshoot: Stop Lending the Editor's Models");
      await toast("no longer use the editor's models").waitFor();
      const before = companionNotes(editor).length;
      await spawned("Too late", "say nothing");
      await rowOf(page, notOffered("Too late")).waitFor();
      deepEqual(companionNotes(editor).length, before);
      await photograph(page, "models-3-taken-back");
    });
  });
} else {
  describe(`the editor's models in VS Code: not run on ${process.platform} ${process.arch}`, () => {
    it("needs Linux on x64", () => undefined);
  });
}
