/**
 * The real page of a transcript in a real browser, with the real extension's side behind it and a
 * real daemon behind that. Only the editor between the two is the test's: it passes messages.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build, stop } from "esbuild";
import { chromium, type Browser, type Page } from "playwright-core";
import { pageHtml } from "../../extension/editor/pageHtml.ts";
import { SessionModel } from "../../extension/sessions/sessionModel.ts";
import type { FromPage, PageMessage, ToPage } from "../../extension/transcript/pageMessages.ts";
import { PageHost } from "../../extension/transcript/pageHost.ts";
import type { TestClient } from "../support/daemon.ts";
import type { InstalledEditor } from "../support/editor/installEditor.ts";
import { repository } from "../support/repository.ts";
import { testFolder } from "../support/testFolder.ts";
import { daemonCalls } from "../extension/daemonCalls.ts";

export interface TranscriptPage {
  page: Page;
  /** What the page asked of the editor: names of actions and what they were given. */
  readonly opened: { action: string; given: unknown }[];
  readonly fromPage: FromPage[];
  readonly toPage: ToPage[];
  /** Errors in the console, and what the page's policy refused. */
  readonly faults: string[];
  /** As the editor does when the page is hidden and shown again. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

export interface TranscriptBrowser {
  open(client: TestClient, sessionId: string, style?: string): Promise<TranscriptPage>;
  close(): Promise<void>;
}

const origin = "http://transcript.test";

export async function transcriptBrowser(installed: InstalledEditor): Promise<TranscriptBrowser> {
  const home = mkdtempSync(join(testFolder, "b-"));
  mkdirSync(join(home, "cache"));
  const built = await build({
    entryPoints: [join(repository, "extension/pages/transcript/page.ts")],
    ...{ bundle: true, write: false, format: "iife", platform: "browser", target: "es2024" },
  });
  const script = built.outputFiles[0]?.text ?? "";
  await stop();
  const css = readFileSync(join(repository, "media/transcript.css"), "utf8");
  const browser = await chromium.launch({
    executablePath: installed.browser,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    env: {
      ...{
        PATH: process.env["PATH"],
        HOME: home,
        TMPDIR: home,
        XDG_CACHE_HOME: join(home, "cache"),
      },
      ...{ XDG_CONFIG_HOME: join(home, "config"), FONTCONFIG_FILE: installed.fonts },
      LD_LIBRARY_PATH: installed.libraries,
    },
  });
  return {
    open: (client, sessionId, style = "") =>
      openPage({ browser, client, sessionId, script, css: css + style }),
    async close() {
      await browser.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

interface Opening {
  browser: Browser;
  client: TestClient;
  sessionId: string;
  script: string;
  css: string;
}

async function openPage({
  browser,
  client,
  sessionId,
  script,
  css,
}: Opening): Promise<TranscriptPage> {
  const page = await browser.newPage({ viewport: { width: 900, height: 900 }, locale: "en-GB" });
  const opened: TranscriptPage["opened"] = [];
  const fromPage: FromPage[] = [];
  const toPage: ToPage[] = [];
  const faults: string[] = [];
  const action = (name: string) => async (given?: unknown, more?: unknown) => {
    opened.push({ action: name, given: more === undefined ? given : [given, more] });
  };
  const model = new SessionModel();
  const { sessions } = await client.call("session/list", { limit: 1000 });
  model.replace(sessions);
  const calls = daemonCalls(client);
  const host = new PageHost({
    ...{ sessionId, client: calls, model, now: Date.now, onTitle: () => {} },
    start: () => Promise.resolve(),
    editor: {
      run: action("run"),
      keep: () => void opened.push({ action: "keep", given: undefined }),
      openSession: action("openSession"),
      openFile: action("openFile"),
      openLink: action("openLink"),
      openEvent: action("openEvent"),
    },
    post(message) {
      toPage.push(message);
      page.evaluate(`postMessage(${JSON.stringify(message)})`).catch(() => undefined);
    },
  });
  page.on("console", (said) => {
    if (said.type() === "error") faults.push(said.text());
  });
  page.on("pageerror", (error) => faults.push(String(error.stack)));
  await page.exposeFunction("toHost", ({ of, message }: PageMessage) => {
    if (of !== sessionId) throw new Error(`a page of ${of} speaks`);
    fromPage.push(message);
    void host.receive(message);
  });
  await page.route(`${origin}/**`, (route) => {
    const [body, contentType] = route.request().url().endsWith(".js")
      ? [script, "text/javascript"]
      : route.request().url().endsWith(".css")
        ? [css, "text/css"]
        : [htmlOf(sessionId), "text/html"];
    return route.fulfill({ body, contentType });
  });

  await page.addInitScript(`
    globalThis.acquireVsCodeApi = () => ({
      postMessage: (message) => void globalThis.toHost(message),
      getState: () => JSON.parse(sessionStorage.getItem("state") ?? "null") ?? undefined,
      setState: (state) => sessionStorage.setItem("state", JSON.stringify(state)),
    });`);

  async function load(): Promise<void> {
    host.pause();
    await page.goto(`${origin}/`);
  }

  await load();
  return {
    ...{ page, opened, fromPage, toPage, faults },
    reload: load,
    async close() {
      host.dispose();
      await page.close();
    },
  };
}

function htmlOf(sessionId: string): string {
  return pageHtml({
    title: "Transcript",
    ...{ sessionId, nonce: "test", cspSource: origin },
    ...{ style: `${origin}/style.css`, script: `${origin}/page.js` },
  });
}
