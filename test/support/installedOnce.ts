/** What tests need from the registry is installed once, into a cache that outlives them. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** `OFFSHOOT_TEST_CACHE`, else `offshoot-test` where this user's caches are. */
export function cacheFolder(): string {
  const { OFFSHOOT_TEST_CACHE, XDG_CACHE_HOME } = process.env;
  return OFFSHOOT_TEST_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), ".cache"), "offshoot-test");
}

/**
 * The folder `name` of the cache. Where it is
 * not there, `install` fills an empty folder that gets the name when it is complete, so it must not
 * write its own path into what it makes. Rejects as `install` does.
 */
export async function installedOnce(
  name: string,
  install: (folder: string) => Promise<void>,
): Promise<string> {
  const cache = cacheFolder();
  const folder = join(cache, name);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  // Another test run may be at it at the same time: the one that is first wins.
  const own = mkdtempSync(join(cache, "install-"));
  try {
    await install(own);
    renameSync(own, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
  return folder;
}

/**
 * Runs npm in a folder. `environment` is added to ours. Rejects with npm's words, and after five
 * minutes.
 */
export async function npm(
  folder: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<void> {
  await promisify(execFile)("npm", [...args, "--no-audit", "--no-fund"], {
    cwd: folder,
    env: { ...process.env, ...environment },
    timeout: 300_000,
    maxBuffer: 64 * 1024 * 1024,
  });
}
