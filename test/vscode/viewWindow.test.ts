/** The view of the sub-agents in a real VS Code: rows, clicks on them, and what is told of them. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import { editorStartMs, startEditor, type Editor } from "../support/editor/editor.ts";
import { hasEditor } from "../support/editor/installEditor.ts";
import { packagedExtension } from "../support/editor/packagedExtension.ts";
import {
  closeEditors,
  contextMenu,
  keepEvidence,
  openSubAgents,
  photograph,
  reloadWindow,
  rowNames,
  rowOf,
  runCommand,
  spawnSubAgent,
  webview,
} from "../support/editor/workbench.ts";
import { checkLeaks } from "../support/leaks.ts";
import { testFolder } from "../support/testFolder.ts";
import { waitFor } from "../support/waitFor.ts";

/** What the editor writes into its logs where a tree is told what it should not be. */
const treeFaults = /TreeError|Cannot resolve tree item|Actual command not found/;

if (hasEditor) {
  describe("the view of the sub-agents in VS Code", () => {
    checkLeaks();

    let editor: Editor;
    let page: Page;
    before("start the editor", async function () {
      this.timeout(editorStartMs);
      const real = join(testFolder, "homes", "real");
      const workspace = join(testFolder, "homes", "link");
      mkdirSync(join(real, "below"), { recursive: true });
      symlinkSync(real, workspace);
      editor = await startEditor({
        vsix: await packagedExtension(),
        workspace,
        config: { concurrency: { total: 20, perRoot: 20 } },
      });
      page = await editor.openWindow();
      await openSubAgents(page);
    });
    after("stop the editor", async () => {
      await editor.stop();
    });
    afterEach("look at what failed", async function () {
      await keepEvidence(editor, page, this.currentTest);
      equal(treeFaults.exec(editor.logs())?.[0], undefined);
    });

    const tabs = () => page.locator(".editor-group-container .tab").allTextContents();
    const heading = (name: string) => webview(page).getByRole("heading", { name });
    const buttonsOf = (row: Locator) =>
      row
        .locator(".actions")
        .getByRole("button")
        .evaluateAll((all) =>
          all.map((one) => (one.getAttribute("aria-label") ?? "").replace(/ \(.*/, "")),
        );

    it("selects what was spawned, while the tree is drawn again and again", async () => {
      for (const nth of [1, 2, 3, 4]) {
        const row = await spawnSubAgent(page, `sleep 70${nth}`);
        await waitFor(
          async () => (await row.getAttribute("aria-selected")) === "true",
          `sleep 70${nth} to be selected`,
        );
      }
    });

    it("shows what was spawned inside a folder that was opened through a link", async () => {
      const below = join(testFolder, "homes", "real", "below");
      await editor.offshoot("spawn", "--cwd", below, "--title", "From a shell", "true");
      const row = rowOf(page, /^From a shell, completed/);
      // It stands below a folder of its own, which is open only as long as work goes on in it.
      const folder = rowOf(page, /^below/);
      await folder.waitFor();
      if ((await folder.getAttribute("aria-expanded")) === "true") {
        await folder.click();
        await row.waitFor({ state: "detached" });
      }
      await folder.click();
      await row.waitFor();
    });

    it("shows each row that is clicked in one page, and leaves the keys with the tree", async () => {
      await rowOf(page, /^sleep 701/).click();
      await heading("sleep 701").waitFor();
      await rowOf(page, /^sleep 702/).click();
      await heading("sleep 702").waitFor();
      deepEqual(await tabs(), ["sleep 702"]);
      // A shortcut of the view: it is not for the page that has opened.
      await page.keyboard.press("Control+.");
      await rowOf(page, /^sleep 702, cancelled/).waitFor();

      await rowOf(page, /^sleep 701/).dblclick();
      await heading("sleep 701").waitFor();
      await rowOf(page, /^sleep 703/).click();
      await heading("sleep 703").waitFor();
      deepEqual((await tabs()).toSorted(), ["sleep 701", "sleep 703"]);
      await contextMenu(page, rowOf(page, /^sleep 703/), "Open the Transcript");
      await rowOf(page, /^sleep 704/).click();
      await heading("sleep 704").waitFor();
      deepEqual((await tabs()).toSorted(), ["sleep 701", "sleep 703", "sleep 704"]);
    });

    it("goes on with the same page for glances and the same open rows after a reload", async () => {
      await reloadWindow(page);
      await openSubAgents(page);
      await heading("sleep 704").waitFor();
      // The first click meets rows that have just been drawn.
      await rowOf(page, /^From a shell/).click();
      await heading("From a shell").waitFor();
      deepEqual((await tabs()).toSorted(), ["From a shell", "sleep 701", "sleep 703"]);
      await closeEditors(page);
    });

    it("takes clicks while rows change", async () => {
      const count = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.1; done";
      for (const name of ["A", "B"]) {
        await editor.offshoot("spawn", "--title", `Counts ${name}`, count);
        await rowOf(page, new RegExp(`^Counts ${name}, running`)).waitFor();
      }
      for (let nth = 0; nth < 6; nth++) {
        for (const name of ["Counts A", "Counts B"]) {
          await rowOf(page, new RegExp(`^${name}`)).click();
          await heading(name).waitFor();
        }
      }
      // What changes all the time is drawn all the same.
      const said = await rowNames(page);
      await waitFor(
        async () =>
          (await rowNames(page)).every(
            (name) => !name.startsWith("Counts") || !said.includes(name),
          ),
        "both rows to say something new",
      );
      equal(await page.locator(".notification-toast").count(), 0);
      await closeEditors(page);
    });

    it("has nothing under the mouse that undoes what was pressed there", async () => {
      const row = rowOf(page, /^sleep 701/);
      await row.hover();
      deepEqual(await buttonsOf(row), ["Send a Message…", "Cancel"]);
      const cancel = row.getByRole("button", { name: /^Cancel/ });
      const box = await cancel.boundingBox();
      ok(box);
      const middle = [box.x + box.width / 2, box.y + box.height / 2] as const;
      await page.mouse.click(...middle);
      await rowOf(page, /^sleep 701, cancelled/).waitFor();
      deepEqual(await buttonsOf(row), ["Run Again", "Open the Transcript"]);
      await page.mouse.click(...middle);
      await heading("sleep 701").waitFor();
      await rowOf(page, /^sleep 701, cancelled/).waitFor();
      await closeEditors(page);
    });

    it("tells once of all that was interrupted when the core died", async () => {
      await editor.killCore();
      const toast = page.locator(".notification-toast");
      await toast.filter({ hasText: "4 sub-agents were interrupted: the daemon ended." }).waitFor();
      equal(await toast.count(), 1);
      await photograph(page, "view-interrupted");
      const names = await rowNames(page);
      equal(names.filter((name) => name.includes(", interrupted, ")).length, 4);
      await runCommand(page, "Notifications: Clear All Notifications");
    });

    it("is shown and hidden while everything changes, and stumbles over nothing", async () => {
      const spawns = "for i in 1 2 3 4 5 6 7 8; do offshoot spawn --title C$i -- 'sleep 0.3'; done";
      for (const name of ["P1", "P2"]) await editor.offshoot("spawn", "--title", name, spawns);
      const isOver = async () => {
        const names = await rowNames(page);
        return ["P1", "P2"].every((name) =>
          names.some((one) => one.startsWith(`${name}, completed`) && one.includes("8 children")),
        );
      };
      await waitFor(async () => {
        await page
          .getByRole("tab", { name: /^Explorer/ })
          .first()
          .click();
        await openSubAgents(page);
        await rowOf(page, /^P1/).waitFor();
        return await isOver();
      }, "both to have spawned all of theirs");
    });
  });
} else {
  describe(`the view in VS Code: not run on ${process.platform} ${process.arch}`, () => {
    it("needs Linux on x64", () => undefined);
  });
}
