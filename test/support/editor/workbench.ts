/** What a person does in a window: every step finds its target by role and name. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "mocha";
import type { FrameLocator, Locator, Page } from "playwright-core";
import { repository } from "../repository.ts";
import { waitFor } from "../waitFor.ts";
import type { Editor } from "./editor.ts";
import { workbenchIsThere } from "./browser.ts";

/** Of the page, inside of which some functions below run. */
declare function requestAnimationFrame(callback: (time: number) => void): number;

/** Where pictures of test runs go: `OFFSHOOT_TEST_ARTIFACTS`, else a folder that git ignores. */
function artifacts(): string {
  return process.env["OFFSHOOT_TEST_ARTIFACTS"] ?? join(repository, "test", "artifacts");
}

/** Opens the extension's view; resolves when its tree or its welcome is there. */
export async function openSubAgents(page: Page): Promise<void> {
  const tab = page.getByRole("tab", { name: /^Sub-agents/ }).first();
  const view = page.locator(
    ".pane-body .tree-explorer-viewlet-tree-view, .pane-body .welcome-view",
  );
  // While another view is being opened this one still counts as selected.
  await waitFor(async () => {
    if ((await tab.getAttribute("aria-selected")) !== "true") await tab.click();
    return await isSoon(view.first(), "visible");
  }, "the view of the sub-agents");
}

/** Runs a command of the palette by its whole title, such as `Offshoot: Cancel`. */
export async function runCommand(page: Page, title: string): Promise<void> {
  await inPalette(page, title, (found) => found.click({ timeout: 3_000 }));
}

/** The titles in which the palette finds a text; there has to be one. */
export async function commandsWith(page: Page, text: string): Promise<string[]> {
  const use = () => quickOptions(page, text).allInnerTexts();
  const entries = await inPalette(page, text, use);
  await page.keyboard.press("Escape");
  // What else stands in an entry comes after the title.
  return entries.map((entry) => entry.split("\n")[0] ?? "");
}

function quickOptions(page: Page, name: string | RegExp): Locator {
  return page.locator(".quick-input-widget").getByRole("option", { name });
}

/** Does something with the first command in which the palette finds a text. */
async function inPalette<Result>(
  page: Page,
  text: string,
  use: (found: Locator) => Promise<Result>,
): Promise<Result> {
  const option = quickOptions(page, text).first();
  const attempt = async () => {
    await page.keyboard.press("F1");
    await quickInput(page).fill(`>${text}`, { timeout: 3_000 });
    await option.waitFor({ timeout: 3_000 });
    return [await use(option)];
  };
  // One that opens while the last command still moves the focus closes again, and one that has
  // opened before a command could be run does not look again.
  const closed = () => page.keyboard.press("Escape").then(() => undefined);
  const [result] = await waitFor(() => attempt().catch(closed), `the palette to find ${text}`);
  return result as Result;
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
  await quickOptions(page, name).first().click();
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
  await answerSpawn(page, command);
  const row = rowOf(page, command);
  await row.waitFor();
  return row;
}

/** Answers what is asked before a spawn: the agent shell, and this command. */
export async function answerSpawn(page: Page, command: string): Promise<void> {
  const option = page.getByRole("option", { name: /^shell/ }).first();
  await option.waitFor();
  const agentsTitle = (await quickTitle(page).textContent()) ?? "";
  await option.click();
  await quickTitle(page).filter({ hasNotText: agentsTitle }).waitFor();
  await quickInput(page).fill(command);
  await page.keyboard.press("Enter");
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

/**
 * Resolves when something has stayed where it is for a while: a view that opens above it moves it
 * away from under the mouse.
 */
async function untilItRests(locator: Locator): Promise<void> {
  await locator.evaluate(async (element: { getBoundingClientRect(): { y: number } }) => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    let y = element.getBoundingClientRect().y;
    for (let frames = 0; frames < 15; frames += 1) {
      await frame();
      const now = element.getBoundingClientRect().y;
      if (now !== y) frames = 0;
      y = now;
    }
  });
}

/** Presses one of the buttons that a row shows under the mouse. */
export async function rowAction(row: Locator, name: string | RegExp): Promise<void> {
  await untilItRests(row);
  await row.hover();
  await row.getByRole("button", { name }).first().click();
}

/** Runs an entry of a row's context menu. */
export async function contextMenu(page: Page, row: Locator, entry: string | RegExp): Promise<void> {
  const item = page.getByRole("menuitem", { name: entry }).first();
  await untilItRests(row);
  await row.click({ button: "right" });
  // A menu that has only just been opened takes no click.
  await waitFor(async () => {
    await item.click();
    return await isSoon(item, "hidden");
  }, "the menu to take the click");
}

/** Rests on a row until its tooltip says this, and answers the tooltip. */
export async function tooltipOf(page: Page, row: Locator, text: string): Promise<Locator> {
  const tooltip = page.locator(".monaco-hover").filter({ hasText: text }).first();
  // It comes when the mouse moves over a row, and not over one that has just come under it.
  await waitFor(async () => {
    const box = await row.boundingBox();
    if (box === null) return false;
    await page.mouse.move(box.x + box.width / 2, box.y + 20 * box.height);
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 5 });
    return await isSoon(tooltip, "visible");
  }, `the tooltip that says ${text}`);
  return tooltip;
}

function isSoon(locator: Locator, state: "visible" | "hidden"): Promise<boolean> {
  return locator.waitFor({ state, timeout: 2_000 }).then(
    () => true,
    () => false,
  );
}

/** Closes all editors, web views too; resolves when they are gone. */
export async function closeEditors(page: Page): Promise<void> {
  await runCommand(page, "View: Close All Editors");
  await page.locator(".editor-group-container .tab").first().waitFor({ state: "detached" });
}

/** The document inside the web view that was opened last. */
export function webview(page: Page): FrameLocator {
  return page.frameLocator("iframe.webview.ready").last().frameLocator("#active-frame");
}

/**
 * Resolves when the workbench is there again. It is the editor that reloads: a page that is torn
 * away has no time to store what its web views keep.
 */
export async function reloadWindow(page: Page): Promise<void> {
  const loaded = page.waitForEvent("load");
  await runCommand(page, "Developer: Reload Window");
  await loaded;
  await workbenchIsThere(page);
}

/** Changes the theme, where `window.autoDetectColorScheme` is set; resolves when it is drawn. */
export async function useTheme(page: Page, theme: "light" | "dark"): Promise<void> {
  await page.emulateMedia({ colorScheme: theme });
  await page
    .locator(theme === "light" ? ".monaco-workbench.vs" : ".monaco-workbench.vs-dark")
    .waitFor();
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

/**
 * Call it inside `describe` where each test goes on where the one before it has ended: after one that
 * has failed, the others are not run.
 */
export function stepByStep(): void {
  beforeEach("go on from the step before", function () {
    const steps = this.currentTest?.parent?.tests ?? [];
    if (steps.some(({ state }) => state === "failed")) this.skip();
  });
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
  // The border shines under the mouse.
  await page.mouse.move(box.x + width + 50, middle);
}
