/**
 * Notifications delivered per second, in three ways: the pure fan-out (heartbeats, which touch
 * neither the store nor a pipe), what running agents print (pipe, store, fan-out), and the replay
 * of stored events. The client only counts. A heartbeat has 460 bytes, an event of one line 300;
 * when a run prints faster than the core reads, one event has several lines.
 */
import { setTimeout as delay } from "node:timers/promises";
import { withBareRelay } from "./bareRelay.ts";
import type { Figure } from "./figures.ts";
import type { BenchDaemon, Installed } from "./installed.ts";
import type { WireClient } from "./wire.ts";

const liveRuns = 300;
const measureMs = 3_000;
const printed = 320_000;
const printingRuns = 8;
const replayed = 100_000;

/** Writes 40 lines of 40 bytes at a time, with a pause between them. */
const printer = (lines: number, pauseMs: number) =>
  `perl -e '$| = 1; for (1..${lines / 40}) { print(("x" x 39 . "\\n") x 40); select(undef, undef, undef, ${pauseMs / 1000}) }'`;

export async function benchNotifications(installed: Installed): Promise<Figure[]> {
  const floors = new Map<number, number>();
  await withBareRelay(installed, async (bare) => {
    const clients = [await bare.client()];
    floors.set(1, await flooded(clients, 400_000));
    while (clients.length < 10) clients.push(await bare.client());
    floors.set(10, await flooded(clients, 40_000));
  });
  const delivered = await heartbeats(installed);
  const events = await printedEvents(installed);
  const group = "notifications, delivered through fronts";
  const floorIs = "the bare relay writing such frames over the same two hops";
  const figure = (name: string, clients: number, offshoot: number): Figure => ({
    group,
    figure: name,
    unit: "per second",
    offshoot,
    floor: floors.get(clients) ?? 0,
    floorIs,
  });
  return [
    {
      ...figure("fan-out (heartbeats) to 1 client", 1, delivered.toOne),
      aim: { atLeast: 150_000 },
    },
    figure("fan-out (heartbeats) to 10 clients, all together", 10, delivered.toTen),
    figure(`lines that ${printingRuns} runs print, to 1 client`, 1, events.toOne),
    figure(`lines that ${printingRuns} runs print, to 10 clients, all together`, 10, events.toTen),
    figure("replay of a stored session to 1 client", 1, events.replayed),
  ];
}

async function flooded(clients: readonly WireClient[], count: number): Promise<number> {
  const session = "0198c0de-0000-7000-8000-000000000000";
  const event = { type: "output", stream: "stdout", text: `${"x".repeat(39)}\n` };
  const ids = { parentSessionId: session, childSessionId: session, runId: session };
  const params = { count, method: "subAgent/event", params: { ...ids, seq: 1, event } };
  const arrived = counted(clients, count * clients.length);
  const begin = performance.now();
  await clients[0]?.ask("flood", params);
  await arrived;
  return ((count * clients.length) / (performance.now() - begin)) * 1000;
}

/** Resolves when all clients together got so many notifications. */
function counted(clients: readonly WireClient[], wanted: number): Promise<void> {
  const done = Promise.withResolvers<void>();
  let got = 0;
  for (const client of clients) {
    client.onNotification = () => {
      got += 1;
      if (got === wanted) done.resolve();
    };
  }
  return done.promise;
}

/** More heartbeats are due than the core can send, so that the figure is the most it can deliver. */
async function heartbeats(installed: Installed): Promise<{ toOne: number; toTen: number }> {
  const daemon = await installed.daemon({
    concurrency: { total: liveRuns, perRoot: liveRuns },
    heartbeatMs: 1,
  });
  const quiet = await daemon.client();
  const spawn = { method: "session/spawn", params: { prompt: "exec sleep 600", cwd: daemon.work } };
  await quiet.pipeline(Array.from({ length: liveRuns }, () => spawn));
  const listener = await daemon.client();
  const toOne = await perSecond([listener]);
  const listeners = [listener];
  while (listeners.length < 10) listeners.push(await daemon.client());
  const toTen = await perSecond(listeners);
  for (const client of listeners) await client.kill();
  await daemon.stopCore(quiet);
  return { toOne, toTen };
}

async function perSecond(clients: readonly WireClient[]): Promise<number> {
  let got = 0;
  for (const client of clients) {
    client.onNotification = () => void (got += 1);
    await client.call("tree/subscribe", {});
  }
  const begin = performance.now();
  got = 0;
  await delay(measureMs);
  return (got / (performance.now() - begin)) * 1000;
}

async function printedEvents(
  installed: Installed,
): Promise<{ toOne: number; toTen: number; replayed: number }> {
  const daemon = await installed.daemon({
    concurrency: { total: printingRuns, perRoot: printingRuns },
  });
  const quiet = await daemon.client();
  const listeners = [await daemon.client()];
  const toOne = await printedTo(daemon, quiet, listeners);
  while (listeners.length < 10) listeners.push(await daemon.client());
  const toTen = await printedTo(daemon, quiet, listeners);

  const sessionId = await spawned(daemon, quiet, printer(replayed, 2));
  const { completions } = await quiet.call("session/wait", { sessionIds: [sessionId] });
  if (completions[0]?.status !== "completed") throw new Error("the session to replay failed");
  const { session } = await quiet.call("session/get", { sessionId });
  const arrived = counted([quiet], session.lastSeq);
  const begin = performance.now();
  await quiet.call("session/subscribe", { sessionId });
  await arrived;
  const replay = (session.lastSeq / (performance.now() - begin)) * 1000;

  for (const client of listeners) await client.kill();
  await daemon.stopCore(quiet);
  return { toOne, toTen, replayed: replay };
}

/** Lines per second, from the first request to the last completion at the slowest client. */
async function printedTo(
  daemon: BenchDaemon,
  quiet: WireClient,
  listeners: readonly WireClient[],
): Promise<number> {
  const completed = Buffer.from('{"jsonrpc":"2.0","method":"subAgent/completed"');
  let completions = 0;
  const done = Promise.withResolvers<void>();
  for (const client of listeners) {
    await client.call("tree/subscribe", { events: "all" });
    client.onNotification = (body) => {
      if (body.subarray(0, completed.length).equals(completed)) completions += 1;
      if (completions === printingRuns * listeners.length) done.resolve();
    };
  }
  const begin = performance.now();
  for (let n = 0; n < printingRuns; n += 1) {
    await spawned(daemon, quiet, printer(printed / printingRuns, 0.2));
  }
  await done.promise;
  return ((printed * listeners.length) / (performance.now() - begin)) * 1000;
}

async function spawned(daemon: BenchDaemon, client: WireClient, prompt: string): Promise<string> {
  const { session } = await client.call("session/spawn", { prompt, cwd: daemon.work });
  return session.id;
}
