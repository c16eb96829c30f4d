/** What a person does in a window: every step finds its target by role and name. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "mocha";
import type { FrameLocator, Locator, Page } from "playwright-core";
import { repository } from "../repository.ts";
import { waitFor } from "../waitFor.ts";
import type { Editor } from "./editor.ts";
import { workbenchIsThere } from "./browser.ts";

/** Where pictures of test runs go: `OFFSHOOT_TEST_ARTIFACTS`, else a folder that git ignores. */
function artifacts(): string {
  return process.env["OFFSHOOT_TEST_ARTIFACTS"] ?? join(repository, "test", "artifacts");
}

/** Opens the extension's view; resolves when its tree or its welcome is there. */
export async function openSubAgents(page: Page): Promise<void> {
  const tab = page.getByRole("tab", { name: /^Sub-agents/ }).first();
  if ((await tab.getAttribute("aria-selected")) !== "true") await tab.click();
  await page
    .locator(".pane-body .tree-explorer-viewlet-tree-view, .pane-body .welcome-view")
    .first()
    .waitFor();
}

/** Runs a command of the palette by its whole title, such as `Offshoot: Cancel`. */
export async function runCommand(page: Page, title: string): Promise<void> {
  const option = page.getByRole("option", { name: title }).first();
  // A palette that opens while the last command still moves the focus closes again.
  await waitFor(async () => {
    await page.keyboard.press("F1");
    return await quickInput(page)
      .fill(`>${title}`, { timeout: 2_000 })
      .then(() => option.click({ timeout: 2_000 }))
      .then(
        () => true,
        () => false,
      );
  }, `the palette to run ${title}`);
}

/** The field of the palette, of a pick or of an input box; whichever is open. */
export function quickInput(page: Page): Locator {
  const fields = page.locator(".quick-input-widget").getByRole("textbox");
  return fields
    .or(page.locator(".quick-input-widget input.input"))
    .filter({ visible: true })
    .first();
}

/** Takes the first entry of an open pick whose name matches. */
export async function pick(page: Page, name: string | RegExp): Promise<void> {
  const option = page.locator(".quick-input-widget").getByRole("option", { name }).first();
  await option.waitFor();
  await option.click();
}

/** Writes into the open input box, once its title matches, and confirms. */
export async function answer(page: Page, title: string | RegExp, text: string): Promise<void> {
  await quickTitle(page).filter({ hasText: title }).waitFor();
  await quickInput(page).fill(text);
  await page.keyboard.press("Enter");
}

/** Spawns a shell command as a person does it, from the palette; resolves with its row. */
export async function spawnSubAgent(page: Page, command: string): Promise<Locator> {
  await runCommand(page, "Offshoot: Spawn a Sub-agent");
  const option = page.getByRole("option", { name: /^shell/ }).first();
  await option.waitFor();
  const agentsTitle = (await quickTitle(page).textContent()) ?? "";
  await option.click();
  await quickTitle(page).filter({ hasNotText: agentsTitle }).waitFor();
  await quickInput(page).fill(command);
  await page.keyboard.press("Enter");
  const row = rowOf(page, command);
  await row.waitFor();
  return row;
}

function quickTitle(page: Page): Locator {
  return page.locator(".quick-input-widget .quick-input-title").filter({ visible: true });
}

/** Says yes where a question comes before what is to happen; resolves when that is in sight. */
export async function confirmUntil(page: Page, happened: Locator): Promise<void> {
  const yes = page.locator(".monaco-dialog-box .monaco-button:not(.secondary)").first();
  await happened.or(yes).first().waitFor();
  if (await yes.isVisible()) await yes.click();
  await happened.waitFor();
}

/** A row of the extension's view, by its accessible name. */
export function rowOf(page: Page, name: string | RegExp): Locator {
  return page.locator(".sidebar").getByRole("treeitem", { name }).first();
}

/** The accessible names of all rows in sight, from top to bottom. */
export async function rowNames(page: Page): Promise<string[]> {
  const rows = await page.locator(".sidebar").getByRole("treeitem").all();
  return Promise.all(rows.map(async (row) => (await row.getAttribute("aria-label")) ?? ""));
}

/** Presses one of the buttons that a row shows under the mouse. */
export async function rowAction(row: Locator, name: string | RegExp): Promise<void> {
  await row.hover();
  await row.getByRole("button", { name }).first().click();
}

/** Runs an entry of a row's context menu. */
export async function contextMenu(page: Page, row: Locator, entry: string | RegExp): Promise<void> {
  await row.click({ button: "right" });
  await page.getByRole("menuitem", { name: entry }).first().click();
}

/** The document inside the web view that was opened last. */
export function webview(page: Page): FrameLocator {
  return page.frameLocator("iframe.webview.ready").last().frameLocator("#active-frame");
}

/** As `Developer: Reload Window`; resolves when the workbench is there again. */
export async function reloadWindow(page: Page): Promise<void> {
  await page.reload();
  await workbenchIsThere(page);
}

/** Takes a picture of the window as `NAME.png` among the artefacts, and answers its path. */
export async function photograph(page: Page, name: string): Promise<string> {
  mkdirSync(artifacts(), { recursive: true });
  const path = join(artifacts(), `${name}.png`);
  await page.screenshot({ path, animations: "disabled", caret: "hide" });
  return path;
}

/**
 * What every suite in the editor does in `afterEach` with `this.currentTest`: where that has failed,
 * pictures of all windows and the logs are kept as `failed-TITLE…` among the artefacts.
 */
export async function keepEvidence(editor: Editor, page: Page, test?: Test): Promise<void> {
  if (test?.state !== "failed") return;
  const name = `failed-${test.title.replaceAll(/\W+/g, "-")}`;
  for (const [nth, window] of page.context().pages().entries()) {
    await photograph(window, `${name}-${nth}`);
  }
  writeFileSync(join(artifacts(), `${name}.log`), editor.logs());
}

/** Drags the border of the side bar until it is this wide, in CSS pixels. */
export async function widenSideBar(page: Page, width: number): Promise<void> {
  const box = await page.locator(".part.sidebar").boundingBox();
  if (box === null) throw new Error("the side bar is closed");
  const middle = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width, middle);
  await page.mouse.down();
  await page.mouse.move(box.x + width, middle, { steps: 5 });
  await page.mouse.up();
}
