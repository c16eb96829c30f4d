/** The timeline in a real VS Code: what a person sees of it, and does with it. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { FrameLocator, Page } from "playwright-core";
import { workbenchIsThere } from "../support/editor/browser.ts";
import { editorStartMs, startEditor, type Editor } from "../support/editor/editor.ts";
import { hasEditor } from "../support/editor/installEditor.ts";
import { packagedExtension } from "../support/editor/packagedExtension.ts";
import {
  openSubAgents,
  photograph,
  quickInput,
  rowOf,
  runCommand,
  webview,
} from "../support/editor/workbench.ts";
import { checkLeaks } from "../support/leaks.ts";
import { gate } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

const hostile = `<img src=x onerror="document.title='owned'">`;

if (hasEditor) {
  describe("the timeline in VS Code", () => {
    checkLeaks();
    let editor: Editor;
    let page: Page;
    let view: FrameLocator;

    before("start the editor", async function () {
      this.timeout(editorStartMs);
      const config = { concurrency: { total: 2, perRoot: 2 } };
      editor = await startEditor({ vsix: await packagedExtension(), config });
      page = await editor.openWindow();
    });
    after("stop the editor", async () => {
      await editor.stop();
    });

    afterEach("look at what failed", async function () {
      if (this.currentTest?.state !== "failed") return;
      await photograph(page, `failed-${this.currentTest.title.replaceAll(/\W+/g, "-")}`);
    });

    const lane = (name: RegExp) => view.getByRole("treeitem", { name });
    const selected = (name: RegExp) => view.getByRole("treeitem", { name, selected: true });

    it("opens from the palette, with a lane for each session in the order of the tree", async () => {
      const held = gate(editor.workspace);
      const child = `offshoot spawn --title Child -- "${held.wait}"`;
      await editor.offshoot("spawn", "--title", "Parent", `offshoot wait $(${child})`);
      const sessions = () => editor.offshoot("ls", "--json");
      await waitFor(async () => (await sessions()).includes('"suspended"'), "the parent to wait");
      held.open();
      await editor.offshoot("spawn", "--title", hostile, "exit 3");
      await editor.offshoot("spawn", "--title", "Goes on", "sleep 600");
      await openSubAgents(page);
      await rowOf(page, /^Goes on.*running/).waitFor();
      await runCommand(page, "Offshoot: Open the Timeline");
      view = webview(page);
      await lane(/^Parent, completed.*waiting for children/).waitFor();
      await lane(/^Child, completed/).waitFor();
      await lane(/^<img src=x.*error.*exited with code 3/).waitFor();
      await lane(/^Goes on, running/).waitFor();
      const names = await view.getByRole("treeitem").allTextContents();
      deepEqual(
        names.map((name) => name.replace(/(completed|error|running)$/, "")),
        ["Parent", "Child", hostile, "Goes on"],
      );
      equal(await view.locator("img").count(), 0);
      await photograph(page, "timeline-1-open");
    });

    it("is used by keys: lanes, what they hold, and the transcript", async () => {
      await view.getByRole("tree").focus();
      await page.keyboard.press("Home");
      await page.keyboard.press("ArrowDown");
      await selected(/^Child/).waitFor();
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("ArrowRight");
      await view.getByRole("tooltip").getByText("running").waitFor();
      await photograph(page, "timeline-2-keys");
      await page.keyboard.press("Enter");
      await page.getByRole("tab", { name: /^Child/ }).waitFor();
      await runCommand(page, "View: Close Editor");
    });

    it("zooms, and is the same after a reload of the window", async () => {
      view = webview(page);
      const fit = () => view.getByRole("button", { name: "Fit" });
      equal(await fit().isEnabled(), false);
      for (let n = 0; n < 3; n += 1) await view.getByRole("button", { name: "Zoom in" }).click();
      await waitFor(() => fit().isEnabled(), "it to be zoomed");
      // A page that is torn away has no time to store what its web views keep.
      const loaded = page.waitForEvent("load");
      await runCommand(page, "Developer: Reload Window");
      await loaded;
      await workbenchIsThere(page);
      view = webview(page);
      await lane(/^Goes on, running/).waitFor();
      ok(await fit().isEnabled(), "it is still zoomed");
      await selected(/^Child/).waitFor();
      await photograph(page, "timeline-3-reloaded");
    });

    it("is saved as a picture that holds all of it", async () => {
      await view.getByRole("button", { name: "Export" }).click();
      const target = join(editor.workspace, "run.svg");
      await page.getByText("Export the timeline").first().waitFor();
      // The dialog fills in its own proposal when it has looked at the folder.
      await waitFor(async () => (await quickInput(page).inputValue()).endsWith(".svg"), "a name");
      await quickInput(page).fill(target);
      await page.keyboard.press("Enter");
      await waitFor(() => existsSync(target), "the picture");
      const svg = await waitFor(() => readFileSync(target, "utf8"), "its content");
      for (const text of ["Parent", "Child", "Goes on", "&lt;img src=x", "waiting for children"]) {
        ok(svg.includes(text), text);
      }
      const opened = await page.context().newPage();
      await opened.setContent(svg);
      await photograph(opened, "timeline-4-exported");
      await opened.close();
    });

    it("stands still, and says so, while the daemon is away, and goes on with the next", async () => {
      await editor.killCore();
      await lane(/^Goes on, interrupted/).waitFor();
      await photograph(page, "timeline-5-core-killed");
    });
  });
} else {
  describe(`the timeline in VS Code: not run on ${process.platform} ${process.arch}`, () => {
    it("needs Linux on x64", () => undefined);
  });
}
