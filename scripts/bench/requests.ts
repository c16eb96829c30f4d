/** Requests through a front and the core, one after the other and many at once. */
import { withBareRelay } from "./bareRelay.ts";
import { quantile, type Figure } from "./figures.ts";
import type { Installed } from "./installed.ts";
import type { WireClient } from "./wire.ts";

const warmUp = 2_000;
const roundTrips = 5_000;
const inFlight = 64;
const keptBusy = 20_000;
const pipelined = 2_000;

interface Measured {
  p50: number;
  p99: number;
  busyPerSecond: number;
  pipelinedPerSecond: number;
  lost: number;
}

export async function benchRequests(installed: Installed): Promise<Figure[]> {
  const daemon = await installed.daemon();
  const client = await daemon.client();
  const { session } = await client.call("session/create", { cwd: daemon.work });
  const params = { sessionId: session.id };
  const ours = await measure(client, params);
  const answered = await client.call("session/get", params);
  await daemon.stopCore(client);
  const floor = await withBareRelay(installed, async (bare) => {
    const direct = await bare.client();
    await direct.ask("prepare", answered);
    return await measure(direct, params);
  });

  const group = "requests (session/get, through a front)";
  const floorIs = "the bare relay answering with the same bytes over the same two hops";
  return [
    {
      group,
      figure: "round trip, p50",
      unit: "ms",
      offshoot: ours.p50,
      floor: floor.p50,
      floorIs,
      aim: { atMost: 0.3 },
    },
    { group, figure: "round trip, p99", unit: "ms", offshoot: ours.p99, floor: floor.p99, floorIs },
    {
      group,
      figure: `requests with ${inFlight} in flight`,
      unit: "per second",
      offshoot: ours.busyPerSecond,
      floor: floor.busyPerSecond,
      floorIs,
    },
    {
      group,
      figure: `requests, ${pipelined.toLocaleString("en-GB")} pipelined in one write`,
      unit: "per second",
      offshoot: ours.pipelinedPerSecond,
      floor: floor.pipelinedPerSecond,
      floorIs,
    },
    {
      group,
      figure: `lost of ${pipelined.toLocaleString("en-GB")} pipelined`,
      unit: "count",
      offshoot: ours.lost,
      floor: floor.lost,
      floorIs,
      aim: { atMost: 0 },
    },
  ];
}

async function measure(client: WireClient, params: object): Promise<Measured> {
  const ask = () => client.ask("session/get", params);
  for (let n = 0; n < warmUp; n += 1) await ask();
  const times: number[] = [];
  for (let n = 0; n < roundTrips; n += 1) {
    const begin = performance.now();
    await ask();
    times.push(performance.now() - begin);
  }

  const busyBegin = performance.now();
  let asked = 0;
  const keepAsking = async () => {
    while (asked < keptBusy) {
      asked += 1;
      await ask();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, keepAsking));
  const busyMs = performance.now() - busyBegin;

  const requests = Array.from({ length: pipelined }, () => ({ method: "session/get", params }));
  const pipeBegin = performance.now();
  const answered = await client.pipeline(requests);
  const pipeMs = performance.now() - pipeBegin;
  return {
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    busyPerSecond: (keptBusy / busyMs) * 1000,
    pipelinedPerSecond: (answered / pipeMs) * 1000,
    lost: pipelined - answered,
  };
}
