/** The bare relay as a pair of processes, with as many clients as wanted. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Installed } from "./installed.ts";
import { startClient, type WireClient } from "./wire.ts";

export interface BareRelay {
  readonly pid: number;
  client(): Promise<WireClient>;
}

/** Gives `use` a relay that runs, and ends it afterwards. */
export async function withBareRelay<Result>(
  { folder, relay }: Installed,
  use: (bare: BareRelay) => Promise<Result>,
): Promise<Result> {
  const socket = join(folder, "bare.sock");
  const core = spawn(process.execPath, [relay, "core", socket], { stdio: "inherit" });
  const exited = once(core, "exit");
  const clients: WireClient[] = [];
  try {
    while (!existsSync(socket)) await delay(5);
    return await use({
      pid: core.pid ?? 0,
      async client() {
        const client = startClient(process.execPath, [relay, "front", socket], process.env);
        clients.push(client);
        await client.open();
        return client;
      },
    });
  } finally {
    for (const client of clients) await client.kill();
    core.kill("SIGKILL");
    await exited;
    await rm(socket, { force: true });
  }
}
