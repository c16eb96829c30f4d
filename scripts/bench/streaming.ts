/**
 * Many sessions of the built-in agent whose model streams: the delay of the core's event loop, and
 * the time of a delta from the model's server to a client. The agent host, the AI SDK, HTTP, the
 * store and the front are real; only the model is a server of the bench.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { DaemonStatus } from "../../protocol/daemon.ts";
import { quantile, type Figure } from "./figures.ts";
import type { Installed } from "./installed.ts";
import { memoryOf, processorMsOf, wallClock } from "./processFigures.ts";
import { paramsIfIs, type WireClient } from "./wire.ts";

const children = 100;
const deltaEveryMs = 50;
const measureMs = 10_000;

export async function benchStreaming(installed: Installed): Promise<Figure[]> {
  const now = wallClock();
  const model = await startStreamingModel(now);
  const daemon = await installed.daemon({
    concurrency: { total: children, perRoot: children },
    providers: { bench: { kind: "openai-compatible", baseUrl: model.baseUrl } },
    agents: [{ name: "streams", model: "bench/model", runner: { kind: "model" } }],
  });
  try {
    const client = await daemon.client();
    await client.call("tree/subscribe", { events: "all" });
    const latencies = listen(client, now);
    await client.pipeline(
      Array.from({ length: children }, (_, n) => ({
        method: "session/spawn",
        params: { prompt: `go ${n}`, agent: "streams", cwd: daemon.work },
      })),
    );
    while (model.streams() < children) await delay(50);
    // All sessions stream now; the time before is not measured.
    await delay(1_000);
    const measured = await measure(client, model, latencies);
    await daemon.stopCore(client);
    return figuresOf(measured);
  } finally {
    await model.close();
  }
}

interface Measured {
  sent: number;
  latencies: number[];
  coreMs: number;
  hostMs: number;
  coreMb: number;
  late: NonNullable<DaemonStatus["eventLoopDelayMs"]>;
}

async function measure(
  client: WireClient,
  model: StreamingModel,
  latencies: number[],
): Promise<Measured> {
  const { pid } = await client.call("daemon/status", {});
  const hosts = childrenOf(pid);
  const hostsMs = () => hosts.reduce((sum, host) => sum + processorMsOf(host), 0);
  const before = { sent: model.sent(), coreMs: processorMsOf(pid), hostMs: hostsMs() };
  latencies.length = 0;
  await delay(measureMs);
  const sent = model.sent() - before.sent;
  const { eventLoopDelayMs: late } = await client.call("daemon/status", {});
  if (late === undefined) throw new Error("the core does not say how late it is");
  return {
    ...{ sent, late, latencies: [...latencies] },
    coreMs: processorMsOf(pid) - before.coreMs,
    hostMs: hostsMs() - before.hostMs,
    coreMb: memoryOf(pid).nowMb,
  };
}

/** Milliseconds from the model's server to here, of every delta. */
function listen(client: WireClient, now: () => number): number[] {
  const latencies: number[] = [];
  client.onNotification = (body) => {
    const at = now();
    const event = paramsIfIs("subAgent/event", body)?.event;
    if (event?.type !== "message.delta") return;
    for (const sentAt of event.text.split(" ")) {
      if (sentAt !== "") latencies.push(at - Number(sentAt));
    }
  };
  return latencies;
}

function figuresOf({ sent, latencies, coreMs, hostMs, coreMb, late }: Measured): Figure[] {
  const perSecond = 1_000 / deltaEveryMs;
  const group = `${children} sessions of the built-in agent, ${perSecond} deltas per second each`;
  const ms = (figure: string, offshoot: number) => ({
    group,
    figure,
    unit: "ms" as const,
    offshoot,
  });
  return [
    { ...ms("the core's event loop is late, p99", late.p99), aim: { atMost: 50 } },
    ms("the same, p50", late.p50),
    ms("the same, longest", late.max),
    {
      ...{ group, figure: "deltas that reach the client", unit: "per second" },
      offshoot: (1_000 * latencies.length) / measureMs,
      floor: (1_000 * sent) / measureMs,
      floorIs: "what the model's server sent in that time",
      aim: { timesFloor: 1.02 },
    },
    ms("model's server → client, p50", quantile(latencies, 0.5)),
    ms("model's server → client, p99", quantile(latencies, 0.99)),
    ms("processor time of the core, per delta", coreMs / latencies.length),
    ms("the same of the agent's host", hostMs / latencies.length),
    { group, figure: "memory of the core", unit: "MB", offshoot: coreMb },
  ];
}

/** The child processes. Empty where there is no /proc. */
function childrenOf(pid: number): number[] {
  try {
    const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    return pids === "" ? [] : pids.split(" ").map(Number);
  } catch {
    return [];
  }
}

interface StreamingModel {
  readonly baseUrl: string;
  /** How many requests are being answered. */
  streams(): number;
  /** Deltas so far. */
  sent(): number;
  close(): Promise<void>;
}

/** Chat completions that never end: each delta is the time at which it was sent. */
async function startStreamingModel(now: () => number): Promise<StreamingModel> {
  const open = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "text/event-stream" });
    open.add(response);
    response.once("close", () => open.delete(response));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // Each turn of the timer sends to one fifth of the streams.
  const turns = 5;
  let turn = 0;
  let sent = 0;
  const timer = setInterval(() => {
    turn += 1;
    let place = 0;
    for (const response of open) {
      place += 1;
      if (place % turns !== turn % turns) continue;
      response.write(deltaAt(now()));
      sent += 1;
    }
  }, deltaEveryMs / turns);
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    streams: () => open.size,
    sent: () => sent,
    async close() {
      clearInterval(timer);
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function deltaAt(at: number): string {
  const choices = [{ index: 0, delta: { role: "assistant", content: `${at.toFixed(2)} ` } }];
  return `data: ${JSON.stringify({ id: "bench", object: "chat.completion.chunk", choices })}\n\n`;
}
