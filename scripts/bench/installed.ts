/** Offshoot as in a package: the bundle, started by the same script, with its compile cache. */
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { build } from "esbuild";
import type { Config } from "../../protocol/config.ts";
import { startClient, type WireClient } from "./wire.ts";

const repository = join(import.meta.dirname, "..", "..");

/** One folder with everything that the bench runs and writes. */
export interface Installed {
  readonly folder: string;
  /** The command's script, and the bare programs that give the floors. */
  readonly program: string;
  readonly relay: string;
  /** A state folder with a configuration, and the fronts on it. */
  daemon(config?: Config): Promise<BenchDaemon>;
  remove(): Promise<void>;
}

export interface BenchDaemon {
  readonly stateDir: string;
  /** A folder to run agents in. */
  readonly work: string;
  configure(config: Config): Promise<void>;
  /** Starts a front and sends nothing. */
  front(): WireClient;
  /** A front that has opened the connection. */
  client(): Promise<WireClient>;
  /** Stops the core of this client and resolves when the core's process has ended. */
  stopCore(client: WireClient): Promise<void>;
}

export async function install(): Promise<Installed> {
  const folder = await mkdtemp(join(tmpdir(), "ob-"));
  await promisify(execFile)(process.execPath, [
    join(repository, "scripts", "build.ts"),
    join(folder, "dist"),
  ]);
  await mkdir(join(folder, "daemon"));
  const program = join(folder, "daemon", "bin.cjs");
  await copyFile(join(repository, "daemon", "bin.cjs"), program);
  await symlink(join(repository, "node_modules"), join(folder, "node_modules"));
  const relay = join(folder, "relay.cjs");
  await build({
    entryPoints: [join(import.meta.dirname, "relay.ts")],
    outfile: relay,
    bundle: true,
    platform: "node",
    target: "node22",
    format: "cjs",
  });
  return {
    folder,
    program,
    relay,
    daemon: (config = {}) => makeDaemon(folder, program, config),
    remove: () => rm(folder, { recursive: true }),
  };
}

async function makeDaemon(folder: string, program: string, config: Config): Promise<BenchDaemon> {
  const own = await mkdtemp(join(folder, "d-"));
  const stateDir = join(own, "s");
  const work = join(own, "w");
  const configFile = join(own, "config.json");
  await mkdir(work);
  const environment = {
    ...process.env,
    OFFSHOOT_STATE_DIR: stateDir,
    OFFSHOOT_CONFIG: configFile,
    NODE_COMPILE_CACHE: join(folder, "compile-cache"),
  };
  const daemon: BenchDaemon = {
    stateDir,
    work,
    configure: (changed) => writeFile(configFile, JSON.stringify(changed)),
    front: () => startClient(process.execPath, [program, "--stdio"], environment),
    async client() {
      const client = daemon.front();
      await client.open();
      return client;
    },
    async stopCore(client) {
      const { pid } = await client.call("daemon/status", {});
      await client.close();
      process.kill(pid, "SIGTERM");
      while (isAlive(pid)) await delay(5);
    },
  };
  await daemon.configure(config);
  return daemon;
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
