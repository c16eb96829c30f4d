/** The browser that the workbench runs in, and what its consoles say. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium, type BrowserContext, type ConsoleMessage, type Page } from "playwright-core";
import type { InstalledEditor } from "./installEditor.ts";

/** In CSS pixels. Trees draw only the rows that are in sight, so tests want a tall one. */
export interface Viewport {
  width: number;
  height: number;
}

export interface EditorBrowser {
  /** Of the processes that lead a session of their own. */
  readonly pids: readonly number[];
  readonly consoleErrors: readonly string[];
  /** Opens the workbench on a folder, and resolves when it can be used. */
  openWindow(folder: string): Promise<Page>;
  close(): Promise<void>;
}

export interface BrowserOptions {
  installed: InstalledEditor;
  /** Of the editor's server. */
  origin: string;
  /** A short folder that the browser may write to. */
  home: string;
  viewport?: Viewport | undefined;
  expectedConsoleErrors?: RegExp | undefined;
  prepare?: ((context: BrowserContext, origin: string) => Promise<void>) | undefined;
}

/** It reaches nothing but the editor's server. */
const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
  "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
];

export async function startBrowser(options: BrowserOptions): Promise<EditorBrowser> {
  const { installed, origin, home, viewport = { width: 1200, height: 1000 } } = options;
  mkdirSync(home, { recursive: true });
  const earlier = new Set(childPids());
  const browser = await chromium.launch({
    executablePath: installed.browser,
    args: flags,
    env: {
      PATH: process.env["PATH"],
      HOME: home,
      TMPDIR: home,
      XDG_CACHE_HOME: join(home, "cache"),
      XDG_CONFIG_HOME: join(home, "config"),
      FONTCONFIG_FILE: installed.fonts,
      LD_LIBRARY_PATH: installed.libraries,
    },
  });
  const pids = childPids().filter((pid) => !earlier.has(pid));
  const context = await browser.newContext({ viewport, deviceScaleFactor: 1, locale: "en-GB" });
  const consoleErrors: string[] = [];
  context.on("console", (message) => {
    const text = textOf(message);
    const known = [...normal, options.expectedConsoleErrors];
    const isFault = message.type() === "error" && !known.some((one) => one?.test(text));
    if (isFault) consoleErrors.push(text);
  });
  context.on("weberror", (fault) => consoleErrors.push(String(fault.error().stack)));
  await options.prepare?.(context, origin);

  return {
    pids,
    consoleErrors,
    async openWindow(folder) {
      const page = await context.newPage();
      // A machine that does something else besides is slow, and a fault is a fault later too.
      page.setDefaultTimeout(30_000);
      await page.goto(`${origin}/?folder=${encodeURIComponent(folder)}`);
      await workbenchIsThere(page);
      return page;
    },
    close: () => browser.close(),
  };
}

/**
 * Resolves when the workbench has drawn what was open, also after a reload. The side bar has to be
 * open: a click on a view's tab before that is restored would close it.
 */
export async function workbenchIsThere(page: Page): Promise<void> {
  const open = page.locator(".activitybar").getByRole("tab", { selected: true });
  await open.first().waitFor({ timeout: 60_000 });
}

/** What VS Code itself writes in a browser, whatever is installed. Everything else is ours. */
const normal = [
  // Two files of the part that only its desktop version has.
  /\b404\b.*\/vsda(_bg)?\.(js|wasm)/,
  // A window that is reloaded or closed while it still writes its own state.
  /\[lifecycle\] Long running operations during shutdown/,
  /IndexedDB database '[\w-]+' is closed/,
  // A row that goes while its menus change: it draws again what it has just let go.
  /TreeError \[[\w.]+\] Data tree node not found[^]*\bonDidChangeContext\b/,
  // An extension of its own, when a workspace becomes a trusted one.
  /Extension `vscode\.[\w-]+` is already registered/,
  // Its own extension for GitHub, on a busy machine.
  /Timed out waiting for authentication provider 'github'/,
];

function textOf(message: ConsoleMessage): string {
  const { url, lineNumber } = message.location();
  return `${message.text()} (${url}:${lineNumber})`;
}

/** Playwright does not tell the pid of a browser that it starts. */
function childPids(): number[] {
  const task = `/proc/${process.pid}/task`;
  if (!existsSync(task)) return [];
  return readdirSync(task).flatMap((thread) =>
    readFileSync(join(task, thread, "children"), "utf8")
      .split(" ")
      .filter(Boolean)
      .map(Number),
  );
}
