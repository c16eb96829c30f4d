/** A real agent for the tests: Codex's ACP adapter, a native program, installed once into a cache. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const version = "0.16.0";

/** Path of the native program. Rejects with npm's words where it cannot be installed. */
export async function codexProgram(): Promise<string> {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "offshoot-test");
  const folder = join(cache, `codex-acp-${version}`);
  const platform = `codex-acp-${process.platform}-${process.arch}`;
  const program = join(folder, "node_modules/@zed-industries", platform, "bin/codex-acp");
  if (existsSync(program)) return program;
  mkdirSync(cache, { recursive: true });
  // Another test run may be at it at the same time: the one that is first wins.
  const own = mkdtempSync(join(cache, "install-"));
  try {
    const spec = `@zed-industries/codex-acp@${version}`;
    const args = ["install", "--prefix", own, "--no-audit", "--no-fund", spec];
    await promisify(execFile)("npm", args, { timeout: 120_000 });
    if (!existsSync(folder)) renameSync(own, folder);
    return program;
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

/** A home for Codex, in which it asks this server for its model and nothing else. */
export function writeCodexHome(folder: string, baseUrl: string): string {
  const home = join(folder, "codex");
  mkdirSync(home, { recursive: true });
  const config = [
    'model = "scripted"',
    'model_provider = "loopback"',
    "[model_providers.loopback]",
    'name = "loopback"',
    `base_url = "${baseUrl}"`,
    'wire_api = "responses"',
    "request_max_retries = 0",
    "stream_max_retries = 0",
  ].join("\n");
  writeFileSync(join(home, "config.toml"), `${config}\n`);
  return home;
}
