/**
 * Many runs at once of a child that prints 20 lines, one every 10 ms. The child is perl without any
 * module, which starts in 2 ms of processor time, so that the cost of Offshoot is visible.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Completion } from "../../protocol/messages.ts";
import { withBareRelay } from "./bareRelay.ts";
import { quantile, type Figure } from "./figures.ts";
import type { Installed } from "./installed.ts";
import { forgetPeak, memoryOf, processorMsOf, wallClock } from "./processFigures.ts";
import { paramsIfIs, type WireClient } from "./wire.ts";

const numbersOfRuns = [1, 10, 100, 300];
/** Few runs end soon and their times vary: they are measured several times, for the median. */
const repeats = (runs: number) => (runs < 100 ? 7 : 3);
const lines = 20;

/** gettimeofday(2) as a bare system call: perl's module for it would double the start of the child. */
const timeCall: { [architecture: string]: number | undefined } = { x64: 96, arm64: 169 };

/** Prints the microseconds of the wall clock on every line. */
function childProgram(): string[] {
  const call = timeCall[process.arch];
  const now =
    call === undefined
      ? "use Time::HiRes; sub now { Time::HiRes::time() * 1e6 }"
      : `sub now { my $b = "\\0" x 16; syscall(${call}, $b, 0); my ($s, $u) = unpack("q q", $b); $s * 1e6 + $u }`;
  const loop = `$| = 1; for (1..${lines}) { select(undef, undef, undef, 0.01); printf "%d\\n", now(); }`;
  return ["-e", `${now} ${loop}`];
}

interface Measured {
  wallMs: number;
  processorMsPerRun: number;
  peakMb: number;
  /** Milliseconds from the child's clock to this one, for every line. */
  latencies: number[];
}

export async function benchRuns(installed: Installed): Promise<Figure[]> {
  const most = Math.max(...numbersOfRuns);
  const daemon = await installed.daemon({
    concurrency: { total: most, perRoot: most },
    agents: [
      {
        name: "lines",
        runner: { kind: "command", command: "perl", args: [...childProgram(), "{prompt}"] },
      },
    ],
  });
  const client = await daemon.client();
  await client.call("tree/subscribe", { events: "all" });
  const { pid } = await client.call("daemon/status", {});
  const ours = new Map<number, Measured>();
  for (const runs of numbersOfRuns) {
    ours.set(
      runs,
      await repeated(runs, () => measure(client, pid, runs, spawnAll(client, runs, daemon.work))),
    );
  }
  await daemon.stopCore(client);
  return await withBareRelay(installed, async (bare) => {
    const direct = await bare.client();
    const figures: Figure[] = [];
    for (const runs of numbersOfRuns) {
      const run = {
        count: runs,
        program: "perl",
        args: childProgram(),
        parentSessionId: "p".repeat(36),
      };
      const start = () => direct.ask("run", run);
      const floor = await repeated(runs, () => measure(direct, bare.pid, runs, start));
      const own = ours.get(runs);
      if (own !== undefined) figures.push(...figuresOf(runs, own, floor));
    }
    return figures;
  });
}

function spawnAll(client: WireClient, runs: number, cwd: string): () => Promise<unknown> {
  const requests = Array.from({ length: runs }, () => ({
    method: "session/spawn",
    params: { prompt: "go", agent: "lines", cwd },
  }));
  return () => client.pipeline(requests);
}

/** From the request to the last completion, as a client sees it. */
async function measure(
  client: WireClient,
  pid: number,
  runs: number,
  start: () => Promise<unknown>,
): Promise<Measured> {
  const now = wallClock();
  const latencies: number[] = [];
  const done = Promise.withResolvers<void>();
  let completed = 0;
  client.onNotification = (body) => {
    const at = now();
    const event = paramsIfIs("subAgent/event", body)?.event;
    if (event?.type === "output") {
      for (const line of event.text.split("\n")) {
        if (line !== "") latencies.push(at - Number(line) / 1000);
      }
    }
    if (isCompletion(body)) completed += 1;
    if (completed === runs) done.resolve();
  };
  forgetPeak(pid);
  const processorBefore = processorMsOf(pid);
  const begin = performance.now();
  await start();
  await done.promise;
  const wallMs = performance.now() - begin;
  // The end of the runs (removed folders, logs) is part of their cost.
  await delay(100);
  const processorMs = processorMsOf(pid) - processorBefore;
  const { peakMb } = memoryOf(pid);
  return { wallMs, processorMsPerRun: processorMs / runs, peakMb, latencies };
}

function isCompletion(body: Buffer): boolean {
  const completion: Completion | undefined = paramsIfIs("subAgent/completed", body);
  if (completion !== undefined && completion.status !== "completed") {
    throw new Error(`a run ended with ${JSON.stringify(completion)}`);
  }
  return completion !== undefined;
}

async function repeated(runs: number, once: () => Promise<Measured>): Promise<Measured> {
  const all: Measured[] = [];
  for (let n = 0; n < repeats(runs); n += 1) all.push(await once());
  const median = (of: (measured: Measured) => number) => quantile(all.map(of), 0.5);
  return {
    wallMs: median(({ wallMs }) => wallMs),
    processorMsPerRun: median(({ processorMsPerRun }) => processorMsPerRun),
    peakMb: Math.max(...all.map(({ peakMb }) => peakMb)),
    latencies: all.flatMap(({ latencies }) => latencies),
  };
}

function figuresOf(runs: number, own: Measured, floor: Measured): Figure[] {
  const common = {
    group: `${runs} runs at once, each ${lines} lines at 10 ms (perl, ideal 0.2 s)`,
    floorIs: "the bare relay that starts the same programs and passes on their lines",
  };
  const figure = (name: string, unit: Figure["unit"], of: (measured: Measured) => number) => ({
    ...common,
    figure: name,
    unit,
    offshoot: of(own),
    floor: of(floor),
  });
  const wall = figure("first request → last completion", "ms", ({ wallMs }) => wallMs);
  const memory = figure("memory peak of the core", "MB", ({ peakMb }) => peakMb);
  return [
    runs === 100 ? { ...wall, aim: { timesFloor: 2 } } : wall,
    figure("processor time of the core, per run", "ms", (m) => m.processorMsPerRun),
    runs === 100 ? { ...memory, aim: { atMost: 150 } } : memory,
    figure("event latency, p50", "ms", ({ latencies }) => quantile(latencies, 0.5)),
    figure("event latency, p99", "ms", ({ latencies }) => quantile(latencies, 0.99)),
  ];
}
