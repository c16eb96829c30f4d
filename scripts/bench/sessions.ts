/** Many stored sessions: to list them, to get them as a snapshot, and to start with them. */
import { join } from "node:path";
import { systemClock } from "../../daemon/base/clock.ts";
import { openStore } from "../../daemon/store/openStore.ts";
import type { StoredSession } from "../../daemon/sessions/records.ts";
import { noUsage, type Session } from "../../protocol/session.ts";
import { withBareRelay } from "./bareRelay.ts";
import { quantile, type Figure } from "./figures.ts";
import type { BenchDaemon, Installed } from "./installed.ts";
import { memoryOf } from "./processFigures.ts";
import type { WireClient } from "./wire.ts";

const listed = 10_000;
const started = 100_000;
const pageSize = 1_000;
const repeats = 5;

const silent = { debug() {}, info() {}, warn() {}, error() {} };

export async function benchSessions(installed: Installed): Promise<Figure[]> {
  const small = await installed.daemon();
  await fill(small, listed);
  const client = await small.client();
  const { sessions } = await client.call("tree/subscribe", {});
  const lists = await timed(() => listAll(client));
  const snapshots = await timed(() => client.call("tree/subscribe", {}));
  await small.stopCore(client);
  const floor = await withBareRelay(installed, async (bare) => {
    const direct = await bare.client();
    await direct.ask("prepare", { sessions });
    return await timed(() => direct.ask("session/get", {}));
  });

  const empty = await installed.daemon();
  const starts = await timed(() => startAndStop(empty));
  const large = await installed.daemon();
  await fill(large, started);
  const largeStarts = await timed(() => startAndStop(large));
  const reader = await large.client();
  const { pid } = await reader.call("daemon/status", {});
  const { nowMb } = memoryOf(pid);
  await large.stopCore(reader);

  const group = "many stored sessions";
  const sameBytes = "the bare relay answering once with the same sessions";
  return [
    {
      group,
      figure: `list of ${shown(listed)} sessions in pages of ${shown(pageSize)}`,
      unit: "ms",
      offshoot: lists,
      floor,
      floorIs: sameBytes,
    },
    {
      group,
      figure: `snapshot of ${shown(listed)} sessions (tree/subscribe)`,
      unit: "ms",
      offshoot: snapshots,
      floor,
      floorIs: sameBytes,
    },
    {
      group,
      figure: `start → first answer with ${shown(started)} stored sessions`,
      unit: "ms",
      offshoot: largeStarts,
      floor: starts,
      floorIs: "the same start with an empty store",
    },
    {
      group,
      figure: `memory of the core with ${shown(started)} sessions`,
      unit: "MB",
      offshoot: nowMb,
    },
  ];
}

async function listAll(client: WireClient): Promise<void> {
  let got = 0;
  let cursor: string | undefined;
  do {
    const page = await client.call("session/list", { limit: pageSize, ...(cursor && { cursor }) });
    got += page.sessions.length;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  // The root of the folder is one more.
  if (got !== listed + 1) throw new Error(`${got} sessions were listed`);
}

/** The time to the first answer, without the stop. */
async function startAndStop(daemon: BenchDaemon): Promise<number> {
  const begin = performance.now();
  const client = await daemon.client();
  const ms = performance.now() - begin;
  await daemon.stopCore(client);
  return ms;
}

/** The median in milliseconds: of the times that `work` returns, or else of its duration. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < repeats; n += 1) {
    const begin = performance.now();
    const said = await work();
    times.push(typeof said === "number" ? said : performance.now() - begin);
  }
  return quantile(times, 0.5);
}

/** Ended sessions below one root, written by the store itself while no core runs. */
async function fill(daemon: BenchDaemon, sessions: number): Promise<void> {
  const file = join(daemon.stateDir, "store.sqlite");
  const store = await openStore({ uri: `sqlite://${file}`, log: silent, clock: systemClock });
  try {
    const root = rootOf(daemon.work);
    await store.write({ headers: [root], durability: "lazy" });
    for (let at = 0; at < sessions; at += pageSize) {
      const headers = Array.from({ length: pageSize }, (_, n) => endedChild(root.session, at + n));
      await store.write({ headers, durability: "lazy" });
    }
  } finally {
    await store.close();
  }
}

const idOf = (number: number) => `0198c0de-0000-7000-8000-${String(number).padStart(12, "0")}`;

function rootOf(cwd: string): StoredSession {
  const id = idOf(0);
  const place = { id, kind: "root", parentId: null, rootId: id, depth: 0, agent: "" } as const;
  return stored({ ...common("the root", cwd), ...place, status: "created" });
}

function endedChild(root: Session, number: number): StoredSession {
  const id = idOf(number + 1);
  const place = { id, kind: "child", parentId: root.id, rootId: root.id, depth: 1 } as const;
  const run = { runId: `${id}-run`, attempt: 1, startedAt: 1_760_000_000_000 };
  return stored({
    ...common(`Count the lines of code, part ${number}`, root.cwd),
    ...place,
    ...run,
    agent: "shell",
    runner: "command",
    status: "completed",
    endedAt: 1_760_000_001_000,
    result: "Everything was counted. ".repeat(8),
    stored: true,
  });
}

function common(title: string, cwd: string) {
  const at = 1_760_000_000_000;
  const counts = { version: 4, lastSeq: 3, messageCount: 2 };
  const limits = { maxTurns: 200, timeoutMs: 3_600_000, idleTimeoutMs: 900_000 };
  return {
    ...counts,
    title,
    cwd,
    limits,
    createdAt: at,
    updatedAt: at,
    usage: noUsage,
    treeUsage: noUsage,
  };
}

function stored(session: Session): StoredSession {
  return { session, priority: 0, unreadFrom: 1, childCount: 0 };
}

function shown(number: number): string {
  return number.toLocaleString("en-GB");
}
