/**
 * `npm run screenshots`: makes the pictures in docs/ that show the extension, and its icon. They are
 * what a real VS Code shows with the packaged extension, while the sub-agents of the demo are at
 * work on this repository. Linux on x64 only, as the tests of the extension are.
 */
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { BrowserContext, Locator, Page } from "playwright-core";
import { demoTasks } from "../daemon/terminal/demoTasks.ts";
import { withEditor, type Editor } from "../test/support/editor/editor.ts";
import { packagedExtension } from "../test/support/editor/packagedExtension.ts";
import {
  openSubAgents,
  rowOf,
  runCommand,
  webview,
  widenSideBar,
} from "../test/support/editor/workbench.ts";
import { testFolder } from "../test/support/testFolder.ts";

const root = join(import.meta.dirname, "..");

// The window bears the folder's name, which in a checkout may be anything.
const workspace = join(testFolder, "homes", "offshoot");
symlinkSync(root, workspace);
const options = {
  workspace,
  vsix: await packagedExtension(),
  settings: {
    "workbench.colorTheme": "Default Dark Modern",
    "window.commandCenter": false,
    "window.title": "${rootName}",
    "offshoot.notifications": "none",
  },
  config: { concurrency: { total: 6, perRoot: 6 } },
  viewport: { width: 1200, height: 600 },
};
await withEditor(options, async (editor) => {
  const page = await editor.openWindow();
  await openSubAgents(page);
  await widenSideBar(page, 520);
  await spawnDemo(editor);
  await rowOf(page, /^Survey/).click();
  await runCommand(page, "Offshoot: Open the Transcript");
  const allow = webview(page).getByRole("button", { name: "Allow once" });
  await allow.waitFor();
  await rowOf(page, /^Fail/).waitFor();
  await takePicture(page, "docs/vscode-approval.png");

  await allow.click();
  await childRow(page).nth(2).waitFor({ timeout: 30_000 });
  await takePicture(page, "docs/vscode-tree.png");

  await runCommand(page, "Offshoot: Open the Timeline");
  await rowOf(page, /^Survey the repository.*completed/).waitFor({ timeout: 60_000 });
  await webview(page).locator("svg").first().waitFor();
  await takePicture(page, "docs/vscode-timeline.png");
  await drawIcon(page.context());
});

function childRow(page: Page): Locator {
  return page.locator('.sidebar [role="treeitem"][aria-level="2"]');
}

/** The survey first, since it takes longest, and asks for an approval. */
async function spawnDemo({ offshoot, workspace: cwd }: Editor): Promise<void> {
  for (const { title, agent, prompt, cancelAfterMs } of demoTasks) {
    const id = await offshoot("spawn", "--cwd", cwd, "--title", title, "--agent", agent, prompt);
    if (cancelAfterMs !== undefined) await offshoot("cancel", id);
  }
}

async function takePicture(page: Page, name: string): Promise<void> {
  // Nothing under the mouse.
  await page.mouse.move(900, 300);
  await page.screenshot({ path: join(root, name), animations: "disabled", caret: "hide" });
  console.log(name);
}

/** The sprout of the activity bar on a ground of its own, since a marketplace wants a PNG. */
async function drawIcon(context: BrowserContext): Promise<void> {
  const page = await context.newPage();
  await page.setViewportSize({ width: 256, height: 256 });
  const sprout = readFileSync(join(root, "media", "offshoot.svg"), "utf8");
  await page.setContent(
    `<style>body{margin:0} div{height:256px;border-radius:56px;background:#14532d;color:#bbf7d0}
    svg{width:192px;height:192px;margin:32px}</style><div>${sprout}</div>`,
  );
  await page.screenshot({ path: join(root, "media", "icon.png"), omitBackground: true });
  await page.close();
  console.log("media/icon.png");
}
