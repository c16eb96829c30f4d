/** Runs a suite of tests inside the extension host, and brings back what became of each of them. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { runTests } from "@vscode/test-electron";
import { build, stop as stopBundler } from "esbuild";
import { endCores, quickConfig } from "../daemon.ts";
import { cacheFolder } from "../installedOnce.ts";
import { testFolder } from "../testFolder.ts";
import { quietSettings } from "./editor.ts";
import { unpackExtension } from "./packagedExtension.ts";

/** What one test inside the host became; `fault` is its stack, or what else is known. */
export interface ToldTest {
  title: string;
  fault?: string;
}

/** The desktop VS Code is downloaded and run where this is set, and the browser's otherwise. */
export const isDesktop = process.env["OFFSHOOT_TEST_DESKTOP"] === "1";

/**
 * `entry` is a source file with a function `run()`, which writes a list of `ToldTest` as JSON to
 * the file that `OFFSHOOT_TEST_REPORT` names. Rejects where it did not come to that.
 */
export async function runInHost(vsix: string, entry: string): Promise<ToldTest[]> {
  const folder = mkdtempSync(join(testFolder, "h-"));
  try {
    const report = join(folder, "report.json");
    const workspace = join(folder, "work");
    mkdirSync(workspace);
    writeFileSync(join(folder, "config.json"), JSON.stringify(quickConfig));
    const ended = await runTests({
      ...(isDesktop
        ? desktop(workspace, folder)
        : {
            vscodeExecutablePath: process.execPath,
            launchArgs: [join(import.meta.dirname, "testHost.ts"), workspace],
          }),
      extensionDevelopmentPath: unpackExtension(vsix, join(folder, "unpacked")),
      extensionTestsPath: await bundled(entry, folder),
      extensionTestsEnv: {
        OFFSHOOT_TEST_REPORT: report,
        // For the desktop; the program in its place gives its own editor other ones.
        OFFSHOOT_STATE_DIR: join(folder, "state"),
        OFFSHOOT_CONFIG: join(folder, "config.json"),
        // In a terminal of an editor it is set, and would turn the editor that is started into a Node.
        ELECTRON_RUN_AS_NODE: undefined,
      },
    }).catch((error: Error) => error);
    if (!existsSync(report)) throw new Error(`the suite did not report: ${String(ended)}`);
    const told = JSON.parse(readFileSync(report, "utf8")) as ToldTest[];
    // The program in the editor's place has said on stderr what was wrong besides.
    if (ended !== 0) told.push({ title: "the editor ends well", fault: String(ended) });
    return told;
  } finally {
    // The core outlives its windows.
    await endCores();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Downloaded where the cache has none yet; with a profile of its own, which nobody has used before. */
function desktop(workspace: string, folder: string) {
  const profile = join(folder, "data");
  mkdirSync(join(profile, "User"), { recursive: true });
  writeFileSync(join(profile, "User", "settings.json"), JSON.stringify(quietSettings));
  return {
    cachePath: join(cacheFolder(), "desktop"),
    launchArgs: [
      workspace,
      `--user-data-dir=${profile}`,
      `--extensions-dir=${join(folder, "extensions")}`,
    ],
  };
}

/** The host loads CommonJS, and gives `vscode` to nothing else. */
async function bundled(entry: string, folder: string): Promise<string> {
  const outfile = join(folder, "suite.cjs");
  const { resolve } = createRequire(import.meta.url);
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    target: "node22",
    format: "cjs",
    external: ["vscode"],
    plugins: [
      {
        name: "mocha as it is installed",
        setup({ onResolve }) {
          onResolve({ filter: /^mocha$/ }, ({ path }) => ({ path: resolve(path), external: true }));
        },
      },
    ],
  });
  await stopBundler();
  return outfile;
}
