/** The time from the start of a front to its first answer, and the memory of an idle core. */
import { setTimeout as delay } from "node:timers/promises";
import { withBareRelay } from "./bareRelay.ts";
import { quantile, type Figure } from "./figures.ts";
import type { Installed } from "./installed.ts";
import { memoryOf } from "./processFigures.ts";
import { startClient, type WireClient } from "./wire.ts";

const joins = 15;
const coldStarts = 9;
/** A core counts as idle after this time. */
const settleMs = 3_000;

export async function benchStart(installed: Installed): Promise<Figure[]> {
  const { relay } = installed;
  const bare = () => startClient(process.execPath, [relay, "answer"], process.env);
  const daemon = await installed.daemon();
  // The first start fills the compile cache and the disk's cache, so it is not counted.
  await daemon.stopCore(await daemon.client());
  await (await opened(bare)).client.kill();

  const starting: number[] = [];
  const floors: number[] = [];
  for (let n = 0; n < coldStarts; n += 1) {
    const { ms, client } = await opened(() => daemon.front());
    starting.push(ms);
    await daemon.stopCore(client);
    const floor = await opened(bare);
    floors.push(floor.ms);
    await floor.client.kill();
  }

  const first = await daemon.client();
  const joining: number[] = [];
  for (let n = 0; n < joins; n += 1) {
    const { ms, client } = await opened(() => daemon.front());
    joining.push(ms);
    await client.close();
    const floor = await opened(bare);
    floors.push(floor.ms);
    await floor.client.kill();
  }
  await delay(settleMs);
  const { pid } = await first.call("daemon/status", {});
  const idle = memoryOf(pid).nowMb;
  const front = memoryOf(first.process.pid ?? 0).nowMb;
  await daemon.stopCore(first);
  const bareMemory = await withBareRelay(installed, async (started) => {
    const client = await started.client();
    await delay(settleMs);
    return { core: memoryOf(started.pid).nowMb, front: memoryOf(client.process.pid ?? 0).nowMb };
  });

  const floor = quantile(floors, 0.5);
  const floorIs = "a bare Node process that answers initialize";
  const group = "start and memory";
  return [
    {
      group,
      figure: "start → first answer, a front joins the core (median)",
      unit: "ms",
      offshoot: quantile(joining, 0.5),
      floor,
      floorIs,
      aim: { atMost: 120 },
    },
    {
      group,
      figure: "start → first answer, a front starts the core (median)",
      unit: "ms",
      offshoot: quantile(starting, 0.5),
      floor,
      floorIs,
    },
    {
      group,
      figure: "memory of an idle core",
      unit: "MB",
      offshoot: idle,
      floor: bareMemory.core,
      floorIs: "the bare relay",
      aim: { atMost: 75 },
    },
    {
      group,
      figure: "memory of a front",
      unit: "MB",
      offshoot: front,
      floor: bareMemory.front,
      floorIs: "the bare relay's front",
    },
  ];
}

async function opened(start: () => WireClient): Promise<{ ms: number; client: WireClient }> {
  const begin = performance.now();
  const client = start();
  await client.open();
  return { ms: performance.now() - begin, client };
}
