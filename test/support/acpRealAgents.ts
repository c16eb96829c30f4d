/** Real agents for the tests, each installed once into a cache that outlives the tests. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { installedOnce, npm } from "./installedOnce.ts";

/** Path of Codex's ACP adapter, a native program. Rejects as `installed` does. */
export async function codexProgram(): Promise<string> {
  const platform = `codex-acp-${process.platform}-${process.arch}`;
  const folder = await installed("@zed-industries/codex-acp", "0.16.0");
  return join(folder, "node_modules/@zed-industries", platform, "bin/codex-acp");
}

/**
 * Path of Claude Code's ACP adapter, a script for Node. Rejects as `installed` does. Later versions
 * ask their model for a title at the same time, and by that take steps of the script away.
 */
export async function claudeScript(): Promise<string> {
  const name = "@agentclientprotocol/claude-agent-acp";
  return join(await installed(name, "0.49.0"), "node_modules", name, "dist/index.js");
}

/** Folder that npm installed a package into. Rejects with npm's words where it could not. */
async function installed(name: string, version: string): Promise<string> {
  return await installedOnce(`${name.split("/").at(-1)}-${version}`, (folder) =>
    npm(folder, ["install", "--prefix", folder, `${name}@${version}`]),
  );
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
