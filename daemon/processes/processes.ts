/**
 * Finds and ends all processes of a run: by the mark in their environment, by the group and session
 * of the run's main process, and by descent from either.
 *
 * A program that clears its environment, moves to another session and outlives its parent between
 * two snapshots cannot be found. A process that was found stays known until it has ended, even if
 * its parents end.
 */
import { setImmediate, setTimeout as wait } from "node:timers/promises";
import type { Log } from "../base/log.ts";
import { processSource, processTable } from "./processTable.ts";
import type {
  ProcessEntry,
  ProcessRecord,
  ProcessSource,
  ProcessTable,
  Wanted,
} from "./processTable.ts";

export type { ProcessRecord, Wanted } from "./processTable.ts";

export interface Processes {
  /** The process that has this number now, if any. */
  identify(pid: number): ProcessRecord | undefined;
  /** Returns the live processes among these; never our own process or an ancestor of it. */
  find(wanted: Wanted): Promise<ProcessRecord[]>;
  /**
   * Sends TERM, and KILL after `killAfterMs` (0: at once). Resolves as soon as a snapshot has none
   * of the processes, with those that could not be ended, which are also logged. Rejects, as every
   * search does, when the system could not list processes for 2 s.
   */
  endProcesses(task: { find: Wanted; killAfterMs: number }): Promise<ProcessRecord[]>;
  /**
   * Called at the start of a core after another one died: ends every process with the mark of a run
   * of this state folder, and the recorded processes whose number and start time are still the
   * same, with what they led and started.
   */
  endLeftovers(task: {
    stateDir: string;
    records: readonly (ProcessRecord & { runId: string })[];
    killAfterMs: number;
  }): Promise<ProcessRecord[]>;
}

/**
 * Under load snapshots are at least this far apart on average and take at most one part in
 * `shareOfTime` of the time. A few at once are allowed, so that ending a single run does not wait.
 */
const lookEveryMs = 25;
const shareOfTime = 8;
const burstMs = 150;

/** Bounds for KILL: snapshots that only stop processes, kills, and the wait after each kill. */
const maxStops = 6;
const maxKills = 4;
const killTakesMs = 500;

export function createProcesses(parts: {
  log: Pick<Log, "info" | "warn">;
  source?: ProcessSource;
}): Processes {
  const { log, source = processSource() } = parts;
  const look = sharedLook(source);

  const processes: Processes = {
    identify: (pid) => source.identify(pid),

    async find(wanted) {
      return (await look()).of(wanted).map(toRecord);
    },

    async endProcesses({ find, killAfterMs }) {
      const pursuit = createPursuit({ find, look, source });
      const alive = (await terminate(pursuit, killAfterMs)) ? await kill(pursuit) : [];
      if (alive.length > 0)
        log.warn({ find, alive }, "Some processes of a run could not be ended.");
      return alive;
    },

    async endLeftovers({ stateDir, records, killAfterMs }) {
      const wanted = { stateDir, records };
      const found = await processes.find(wanted);
      if (found.length === 0) return [];
      log.info({ found }, "Ending processes that runs of an earlier core left behind.");
      return processes.endProcesses({ find: wanted, killAfterMs });
    },
  };
  return processes;
}

/** Sends TERM to every process, also to new ones. Returns whether any is left. */
async function terminate(pursuit: Pursuit, killAfterMs: number): Promise<boolean> {
  const deadline = performance.now() + killAfterMs;
  const told = new Set<string>();
  while (performance.now() < deadline) {
    const found = await pursuit.look();
    if (found.length === 0) return false;
    const untold = found.filter((entry) => !told.has(keyOf(entry)));
    for (const entry of untold) told.add(keyOf(entry));
    pursuit.signal(untold, "SIGTERM");
    // A stopped process handles TERM only after CONT.
    pursuit.signal(untold, "SIGCONT");
    await pursuit.gone(found, deadline);
  }
  return true;
}

/**
 * Stops every process until no new ones appear, then sends KILL: a stopped process cannot fork, and
 * a killed one no longer shows who its children were.
 */
async function kill(pursuit: Pursuit): Promise<ProcessRecord[]> {
  let stopped = new Set<string>();
  let stops = 0;
  for (let kills = 0; ;) {
    const found = await pursuit.look();
    if (found.length === 0 || kills === maxKills) return found.map(toRecord);
    const running = found.filter((entry) => !stopped.has(keyOf(entry)));
    if (running.length > 0 && stops < maxStops) {
      pursuit.signal(running, "SIGSTOP");
      stopped = new Set(found.map(keyOf));
      stops += 1;
    } else {
      pursuit.signal(found, "SIGKILL");
      await pursuit.gone(found, performance.now() + killTakesMs);
      kills += 1;
      stops = 0;
    }
  }
}

type Pursuit = ReturnType<typeof createPursuit>;

function createPursuit(parts: {
  find: Wanted;
  look: () => Promise<ProcessTable>;
  source: ProcessSource;
}) {
  const { find, look, source } = parts;
  const known = new Map<string, ProcessRecord>(
    (find.records ?? []).map((record) => [keyOf(record), record]),
  );
  let table: ProcessTable | undefined;

  return {
    /** The live processes among all that were ever found. */
    async look(): Promise<ProcessEntry[]> {
      table = await look();
      const found = table.of({ ...find, records: [...known.values()] });
      for (const entry of found) known.set(keyOf(entry), toRecord(entry));
      return found;
    },

    signal(entries: readonly ProcessEntry[], signal: NodeJS.Signals): void {
      // A group gets the signal as a whole, so that it cannot fork in between, if all of it is
      // meant.
      const groups = table?.wholeGroups(entries) ?? new Set();
      const toldGroups = new Set<number>();
      for (const entry of entries) {
        if (toldGroups.has(entry.groupId) || source.runs(entry) !== true) continue;
        if (!groups.has(entry.groupId)) send(entry.pid, signal);
        else {
          toldGroups.add(entry.groupId);
          send(-entry.groupId, signal);
        }
      }
    },

    /** Resolves when none of them runs any more, at the latest at `deadline`. */
    async gone(entries: readonly ProcessEntry[], deadline: number): Promise<void> {
      let left = entries;
      for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 50)) {
        left = left.filter((entry) => source.runs(entry) !== false);
        const remainingMs = deadline - performance.now();
        if (left.length === 0 || remainingMs <= 0) return;
        await wait(Math.min(pauseMs, remainingMs));
      }
    },
  };
}

/** A failure is not reported: a process that still runs is in the next snapshot. */
function send(target: number, signal: NodeJS.Signals): void {
  const onWindows = process.platform === "win32";
  if (onWindows && signal !== "SIGKILL" && signal !== "SIGTERM") return;
  try {
    process.kill(onWindows ? Math.abs(target) : target, signal);
  } catch {
    return;
  }
}

/**
 * Shares each snapshot between all callers before it begins, because many runs end at the same
 * moment. The first snapshot is made at once; one that has begun is too old for a new caller.
 */
function sharedLook(source: ProcessSource): () => Promise<ProcessTable> {
  let next: Promise<ProcessTable> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let spentUntil = 0;

  const scan = async () => {
    const startedAt = performance.now();
    try {
      return await source.scan();
    } finally {
      const endedAt = performance.now();
      const shareMs = Math.max(lookEveryMs, (endedAt - startedAt) * shareOfTime);
      spentUntil = Math.max(spentUntil, startedAt) + shareMs;
    }
  };

  const take = async () => {
    await last;
    const waitMs = spentUntil - burstMs - performance.now();
    await (waitMs > 0 ? wait(waitMs) : setImmediate());
    next = undefined;
    return processTable(await patient(scan), source, process.pid);
  };

  return () => {
    if (next) return next;
    const look = take();
    next = look;
    last = look.catch(() => undefined);
    return look;
  };
}

/** A core that has run out of file descriptors gets some back when a run ends. */
async function patient<Value>(attempt: () => Promise<Value>): Promise<Value> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === 20) throw error;
      await wait(100);
    }
  }
}

function toRecord({ pid, startTime }: ProcessRecord): ProcessRecord {
  return { pid, startTime };
}

function keyOf({ pid, startTime }: ProcessRecord): string {
  return `${pid} ${startTime}`;
}
