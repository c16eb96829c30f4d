/**
 * A real VS Code for a test: its server, its extension host and its workbench in a browser.
 *
 *     let editor: Editor;
 *     before(async () => {
 *       const vsix = await packagedExtension(folder);        // packagedExtension.ts
 *       editor = await startEditor({ vsix });
 *     }).timeout(editorStartMs);
 *     after(() => editor.stop());
 *
 *     it("shows what runs", async () => {
 *       const page = await editor.openWindow();              // a playwright Page
 *       await openSubAgents(page);                           // workbench.ts has all of these
 *       await spawnSubAgent(page, "echo hi");
 *       await rowOf(page, /echo hi.*completed/).waitFor();
 *       await photograph(page, "my-step");                   // test/artifacts/my-step.png
 *     });
 *
 * Rows are found by their accessible name (`accessibilityInformation.label`). Web views:
 * `webview(page)` is the frame of the page in it. `editor.offshoot("spawn", "echo hi")` is the
 * command line of the installed package: another client of the same core.
 *
 * `stop()` ends everything, and then rejects where a window wrote an error to its console or a
 * process was left. Its folders lie in the test folder, so `checkLeaks()` looks after it too.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import type { BrowserContext, Page } from "playwright-core";
import type { Config } from "../../../protocol/config.ts";
import { quickConfig } from "../daemon.ts";
import { testFolder } from "../testFolder.ts";
import { waitFor } from "../waitFor.ts";
import { startBrowser, type Viewport } from "./browser.ts";
import { installedEditor, type InstalledEditor } from "./installEditor.ts";
import { processesOf, signal } from "./processes.ts";

/** For hooks that start an editor: the first one on a machine installs it. */
export const editorStartMs = 360_000;

export interface EditorOptions {
  /** Folder that a window opens; a new one by default, called `work`. */
  workspace?: string;
  /** Paths of packages that are installed first; ours, where it is only that one. */
  vsix?: string | readonly string[];
  /**
   * The user's settings, over those that keep the editor quiet. They are read once: nothing here
   * watches files for the editor.
   */
  settings?: Record<string, unknown>;
  /** The daemon's configuration, over `quickConfig`. */
  config?: Config;
  /** `asked`: the editor asks whether the workspace is trusted, as it does for everybody. */
  workspaceTrust?: "granted" | "asked";
  /** Added to the environment of server, extension host and daemon. */
  environment?: NodeJS.ProcessEnv;
  viewport?: Viewport;
  /** What a test brings about on purpose: the editor writes the errors that it shows there too. */
  expectedConsoleErrors?: RegExp;
  /** Called before the first window is opened. */
  prepare?: (context: BrowserContext, origin: string) => Promise<void>;
}

export interface Editor {
  readonly port: number;
  readonly workspace: string;
  /** Of the server and so of the extension host, with the daemon's state folder. */
  readonly environment: NodeJS.ProcessEnv;
  /** Errors in the consoles of all windows so far. `stop()` rejects when there are any. */
  readonly consoleErrors: readonly string[];
  /** Opens a window on the workspace, or on another folder; resolves when the workbench is there. */
  openWindow(folder?: string): Promise<Page>;
  /** Runs the installed package's command line in the workspace, and answers its stdout. */
  offshoot(...args: string[]): Promise<string>;
  /** The pid of the daemon's core; waits until there is one. */
  corePid(): Promise<number>;
  /** kill -9, and waits until it is gone. */
  killCore(): Promise<void>;
  /** The text of the extension host's and the extension's logs. */
  logs(): string;
  stop(): Promise<void>;
}

/** What makes an editor quiet, and its pictures the same every time. */
export const quietSettings = {
  "telemetry.telemetryLevel": "off",
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "workbench.enableExperiments": false,
  "window.restoreWindows": "none",
  "security.workspace.trust.untrustedFiles": "open",
  "editor.minimap.enabled": false,
  "extensions.ignoreRecommendations": true,
  "git.enabled": false,
  "remote.autoForwardPorts": false,
  "chat.disableAIFeatures": true,
};

export async function startEditor(options: EditorOptions = {}): Promise<Editor> {
  const installed = await installedEditor();
  const folder = mkdtempSync(join(testFolder, "e-"));
  const workspace = options.workspace ?? join(folder, "work");
  const environment = environmentOf(installed, folder, options.environment);
  for (const name of ["tmp", "run", "data/User", "ext"])
    mkdirSync(join(folder, name), { recursive: true });
  mkdirSync(workspace, { recursive: true });
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...quickConfig, ...options.config }));
  writeFileSync(join(folder, "server.yaml"), "");
  writeFileSync(
    join(folder, "data/User/settings.json"),
    JSON.stringify({ ...quietSettings, ...options.settings }),
  );
  const common = [
    installed.server,
    ...["--config", join(folder, "server.yaml")],
    ...["--user-data-dir", join(folder, "data"), "--extensions-dir", join(folder, "ext")],
  ];
  const packages = [options.vsix ?? []].flat();
  if (packages.length > 0) {
    const wanted = packages.flatMap((path) => ["--install-extension", path]);
    const args = [...common, ...wanted, "--force"];
    await promisify(execFile)(installed.node, args, { env: environment, timeout: 120_000 });
  }
  const trust = options.workspaceTrust === "asked" ? [] : ["--disable-workspace-trust"];
  const server = spawn(
    installed.node,
    [
      ...common,
      ...["--bind-addr", "127.0.0.1:0", "--auth", "none", ...trust],
      ...["--disable-telemetry", "--disable-update-check"],
      ...["--disable-getting-started-override", "--disable-proxy"],
    ],
    { env: environment, stdio: ["ignore", "pipe", "pipe"], detached: true },
  );
  const port = await listeningPort(server);
  const browser = await startBrowser({
    installed,
    origin: `http://127.0.0.1:${port}`,
    home: join(folder, "browser"),
    viewport: options.viewport,
    expectedConsoleErrors: options.expectedConsoleErrors,
    prepare: options.prepare,
  });

  const cores = () =>
    processesOf({ leaders: [], mark: folder }).filter(({ command }) => command === "offshoot core");

  const editor: Editor = {
    port,
    workspace,
    environment,
    consoleErrors: browser.consoleErrors,
    openWindow: (opened = workspace) => browser.openWindow(opened),
    async offshoot(...args) {
      const [program = ""] = globSync(join(folder, "ext/offshoot.*/dist/offshoot.cjs"));
      const where = { cwd: workspace, env: environment, timeout: 30_000 };
      return (await promisify(execFile)(installed.node, [program, ...args], where)).stdout.trim();
    },
    corePid: () =>
      waitFor(() => cores()[0]?.pid, "the core to run", {
        describe: () => processesOf({ leaders: [], mark: folder }),
      }),
    async killCore() {
      const pid = await editor.corePid();
      signal(pid, "SIGKILL");
      await waitFor(() => cores().every((core) => core.pid !== pid), `core ${pid} to be gone`);
    },
    logs: () => logsBelow(join(folder, "data", "logs")),
    async stop() {
      await browser.close();
      const leaders = [...browser.pids, pidOf(server)];
      await endServer(server);
      // The core outlives its windows: that is what it is for.
      const ours = () => processesOf({ leaders, mark: folder });
      for (const { pid } of cores()) signal(pid, "SIGTERM");
      const left = await waitFor(
        () => ours().length === 0,
        "the editor's processes to be gone",
      ).then(
        () => [],
        () => ours(),
      );
      for (const { pid } of left) signal(pid, "SIGKILL");
      rmSync(folder, { recursive: true, force: true });
      const faults = [
        ...left.map(({ pid, command }) => `process ${pid} was left: ${command}`),
        ...new Set(browser.consoleErrors.map((text) => `error in a window's console: ${text}`)),
      ];
      if (faults.length > 0) throw new Error(faults.join("\n"));
    },
  };
  return editor;
}

/** Starts an editor, uses it and stops it; of two faults, that of the use counts. */
export async function withEditor<Result>(
  options: EditorOptions,
  use: (editor: Editor) => Promise<Result>,
): Promise<Result> {
  const editor = await startEditor(options);
  let result: Result;
  try {
    result = await use(editor);
  } catch (error) {
    await editor.stop().catch(() => undefined);
    throw error;
  }
  await editor.stop();
  return result;
}

function environmentOf(
  { node }: InstalledEditor,
  folder: string,
  added: NodeJS.ProcessEnv = {},
): NodeJS.ProcessEnv {
  // What an editor sets for its terminals would lead this one to the developer's own.
  const foreign = /^(VSCODE_|ELECTRON_|npm_|NODE_OPTIONS$|XDG_|PORT$|PASSWORD$)/;
  const inherited = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  return {
    ...Object.fromEntries(inherited),
    PATH: `${dirname(node)}${delimiter}${process.env["PATH"] ?? ""}`,
    HOME: folder,
    TMPDIR: join(folder, "tmp"),
    XDG_RUNTIME_DIR: join(folder, "run"),
    // No marketplace.
    EXTENSIONS_GALLERY: "{}",
    OFFSHOOT_CONFIG: join(folder, "config.json"),
    OFFSHOOT_STATE_DIR: join(folder, "state"),
    ...added,
  };
}

async function listeningPort(server: ChildProcess): Promise<number> {
  let said = "";
  const listen = (text: string) => (said += text);
  server.stdout?.setEncoding("utf8").on("data", listen);
  server.stderr?.setEncoding("utf8").on("data", listen);
  return await waitFor(
    () => {
      if (server.exitCode !== null) throw new Error(`the editor's server has ended: ${said}`);
      const found = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(said);
      return found && Number(found[1]);
    },
    "the editor's server to listen",
    { describe: () => said },
  );
}

/** The whole group, since the extension host is a grandchild. */
async function endServer(server: ChildProcess): Promise<void> {
  const ended = once(server, "exit");
  signal(-pidOf(server), "SIGTERM");
  const killing = setTimeout(() => signal(-pidOf(server), "SIGKILL"), 5_000);
  if (server.exitCode === null && server.signalCode === null) await ended;
  clearTimeout(killing);
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error("the editor's server was not started");
  return pid;
}

function logsBelow(folder: string): string {
  return globSync("**/*.log", { cwd: folder })
    .map((name) => `--- ${name}\n${readFileSync(join(folder, name), "utf8")}`)
    .join("\n");
}
