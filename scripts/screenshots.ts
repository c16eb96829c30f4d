/**
 * `npm run screenshots`: makes the pictures of the extension in docs/, and its icon. The pictures
 * show a real VS Code with the packaged extension while sub-agents work on the small project of
 * screenshotScene.ts. Works on Linux on x64 only, as the tests of the extension do.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import { withEditor, type Editor } from "../test/support/editor/editor.ts";
import { packagedExtension } from "../test/support/editor/packagedExtension.ts";
import {
  closeEditors,
  contextMenu,
  openSubAgents,
  rowOf,
  runCommand,
  webview,
  widenSideBar,
} from "../test/support/editor/workbench.ts";
import { testFolder } from "../test/support/testFolder.ts";
import { after, before, lead, rows, startScene } from "./screenshotScene.ts";

const root = join(import.meta.dirname, "..");

// The window's title has the folder's name.
const workspace = join(testFolder, "homes", "shop-api");
mkdirSync(workspace, { recursive: true });
const scene = await startScene(workspace);
const options = {
  workspace,
  vsix: await packagedExtension(),
  config: scene.config,
  settings: {
    "workbench.colorTheme": "Dark Modern",
    "window.commandCenter": false,
    "window.title": "${rootName}",
    "diffEditor.renderSideBySide": true,
    "diffEditor.useInlineViewWhenSpaceIsLimited": false,
    "offshoot.notifications": "none",
  },
  viewport: { width: 1280, height: 720 },
};
try {
  await withEditor(options, takePictures);
} finally {
  await scene.close();
}

async function takePictures(editor: Editor): Promise<void> {
  const page = await editor.openWindow();
  await openSubAgents(page);
  await widenSideBar(page, 540);
  await playScene(editor, page);

  await contextMenu(page, rowNamed(page, rows.wire.title, "needs approval"), "Open the Transcript");
  await webview(page).getByRole("button", { name: "Allow once" }).waitFor();
  await takePicture(page, "docs/vscode-tree.png");

  await closeEditors(page);
  await rowOf(page, /Wire it into the server wants to /).click();
  await page.locator(".view-line").filter({ hasText: "limit_rate" }).first().waitFor();
  await takePicture(page, "docs/vscode-approval.png");

  await runCommand(page, "Offshoot: Allow Once");
  await rowNamed(page, rows.wire.title, "completed").waitFor();
  await closeEditors(page);
  await contextMenu(page, rowNamed(page, lead.title, "waiting for children"), "Open the Timeline");
  await webview(page)
    .getByRole("treeitem", { name: new RegExp(rows.wire.title) })
    .waitFor();
  const reading = webview(page).getByText(/Reading the history/);
  await reading.waitFor({ state: "hidden" });
  await takePicture(page, "docs/vscode-timeline.png");
  await drawIcon(page.context());
}

/** Resolves when every sub-agent is in the state that the pictures show. */
async function playScene({ offshoot }: Editor, page: Page): Promise<void> {
  const spawn = ({ agent, title, prompt }: typeof after, ...args: string[]) =>
    offshoot("spawn", "--agent", agent, "--title", title, ...args, prompt);
  for (const task of before) await spawn(task);
  await rowNamed(page, before[0]?.title ?? "", "completed").waitFor();
  await rowNamed(page, before[1]?.title ?? "", "error").waitFor();
  const id = await spawn({ agent: "coder", ...lead });
  await rowNamed(page, rows.review.title, "completed").waitFor();
  await rowNamed(page, rows.priorArt.title, "completed").waitFor();
  await rowNamed(page, rows.wire.title, "needs approval").waitFor();
  await rowNamed(page, rows.loadTest.title, "running").waitFor();
  await rowNamed(page, rows.bucket.title, "running").waitFor();
  await spawn(after, "--parent", id);
  await rowNamed(page, after.title, "queued").waitFor();
}

function rowNamed(page: Page, title: string, state: string) {
  return rowOf(page, new RegExp(`^${title}, ${state}`));
}

async function takePicture(page: Page, name: string): Promise<void> {
  // The mouse must not be over anything that reacts.
  await page.mouse.move(300, 600);
  await page.locator(".monaco-hover:visible").first().waitFor({ state: "hidden" });
  await page.screenshot({ path: join(root, name), animations: "disabled", caret: "hide" });
  console.log(name);
}

/** The sprout of the activity bar on a coloured ground, as PNG, which a marketplace needs. */
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
