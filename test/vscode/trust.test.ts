/** A workspace that is not trusted: the view says why nothing runs, until the person trusts it. */
import { deepEqual, equal } from "node:assert/strict";
import type { Page } from "playwright-core";
import { companionExtension } from "../support/editor/companion.ts";
import { editorStartMs, startEditor, type Editor } from "../support/editor/editor.ts";
import { hasEditor } from "../support/editor/installEditor.ts";
import { packagedExtension } from "../support/editor/packagedExtension.ts";
import {
  answerSpawn,
  closeEditors,
  commandsWith,
  keepEvidence,
  openSubAgents,
  photograph,
  rowNames,
  rowOf,
  runCommand,
  stepByStep,
  spawnSubAgent,
} from "../support/editor/workbench.ts";
import { checkLeaks } from "../support/leaks.ts";

const refusal = /the workspace is not trusted/;

if (hasEditor) {
  describe("a workspace that is not trusted", () => {
    checkLeaks();
    stepByStep();

    let editor: Editor;
    let page: Page;
    before("start the editor", async function () {
      this.timeout(editorStartMs);
      editor = await startEditor({
        vsix: [await packagedExtension(), await companionExtension()],
        workspaceTrust: "asked",
        expectedConsoleErrors: refusal,
      });
      page = await editor.openWindow();
    });
    after("stop the editor", async () => {
      await editor.stop();
    });
    afterEach("look at what failed", async function () {
      await keepEvidence(editor, page, this.currentTest);
    });

    const sidebar = () => page.locator(".sidebar");

    it("is a reason that the view gives, where it would spawn otherwise", async () => {
      await openSubAgents(page);
      await sidebar().getByText("This workspace is not trusted, so nothing is run here.").waitFor();
      equal(
        await sidebar()
          .locator(".welcome-view")
          .getByText(/^Spawn/)
          .count(),
        0,
      );
      await photograph(page, "trust-1-not-trusted");
      deepEqual(await commandsWith(page, "Spawn"), ["Companion: Call Spawn"]);
    });

    it("is what a spawn is refused with, wherever it comes from", async () => {
      // Another extension may call it although it is not enabled, and so does the walkthrough.
      await runCommand(page, "Companion: Call Spawn");
      const toast = page.locator(".notification-toast").filter({ hasText: refusal });
      const question = page.getByRole("option", { name: /^shell/ });
      // It may be refused before anything is asked, or after that.
      await toast.or(question).first().waitFor();
      if (await question.isVisible()) await answerSpawn(page, "echo hi");
      await toast.waitFor();
      await photograph(page, "trust-2-refused");
      equal(await editor.offshoot("ls"), "");
    });

    it("is one in which sub-agents run as soon as it is trusted", async () => {
      await sidebar().getByRole("button", { name: "Manage Workspace Trust" }).click();
      const trust = page.getByRole("button", { name: "Trust", exact: true });
      await trust.waitFor();
      await photograph(page, "trust-3-manage");
      await trust.click();
      await sidebar()
        .getByRole("button", { name: /^spawn a sub-agent/i })
        .first()
        .waitFor();
      await closeEditors(page);
      await spawnSubAgent(page, "echo hi");
      await rowOf(page, /^echo hi, completed/).waitFor();
      equal((await rowNames(page)).length, 1);
      await photograph(page, "trust-4-trusted");
    });
  });
} else {
  describe(`a workspace that is not trusted: not run on ${process.platform} ${process.arch}`, () => {
    it("needs Linux on x64", () => undefined);
  });
}
