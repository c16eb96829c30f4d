/**
 * A core behind its wire on a simulated clock and a gated store, in a folder that outlives it: it is
 * killed or stopped, and another one opened on what is stored.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { InvalidParams } from "../../daemon/base/invalidParams.ts";
import { stateFolder } from "../../daemon/base/stateFolder.ts";
import { createConfiguration } from "../../daemon/config/config.ts";
import { settingsOf } from "../../daemon/config/settings.ts";
import { assemble, type Assembly } from "../../daemon/core/assemble.ts";
import { loadStored } from "../../daemon/core/recover.ts";
import type { Processes } from "../../daemon/processes/processes.ts";
import { recoverRuns } from "../../daemon/runs/recovery.ts";
import type { Caller } from "../../daemon/sessions/caller.ts";
import type { AgentProfile } from "../../protocol/config.ts";
import { OffshootError } from "../../protocol/errors.ts";
import { isLive } from "../../protocol/session.ts";
import { requestsOf } from "../support/inProcess.ts";
import { simulatedClock, type SimulatedClock } from "../support/simulatedClock.ts";
import { logInto, type LogLine } from "../support/storeRecords.ts";
import { testFolder } from "../support/testFolder.ts";
import { Agents, type Manner } from "./agents.ts";
import { openGatedStore, type GatedStore } from "./gatedStore.ts";
import { Watch } from "./watch.ts";

/** One core, from its start to its death. */
export interface Core extends Assembly, GatedStore {
  readonly clock: SimulatedClock;
  readonly scripted: Agents;
  readonly requests: ReturnType<typeof requestsOf>;
  readonly log: readonly LogLine[];
  /** Requests without an answer. */
  readonly pending: Map<Promise<unknown>, string>;
  /** Of the waits under way. */
  readonly waits: {
    params: { sessionIds: string[] };
    giveUp: AbortController;
    isInside: boolean;
  }[];
}

/** Turns of the event loop in which nothing moves, after which nothing will. */
const quietTurns = 4;
const mostTurns = 100_000;

const command = { kind: "command", command: process.execPath } as const;
const asking = { ...command, format: "claude-stream-json" } as const;
const profiles: AgentProfile[] = [
  { name: "plain", runner: command },
  { name: "escalates", runner: asking, restart: { policy: "escalate", max: 1 } },
  { name: "resumes", runner: asking, onHostRestart: "resume" },
  { name: "never", runner: command, restart: { policy: "never" } },
];

export class World {
  readonly watch: Watch;
  /** Ids of all sessions that there ever were, in the order in which they were seen. */
  readonly ids: string[] = [];
  readonly manners = new Map<string, Manner>();
  /** Sessions that somebody asked to remove: whether they are there after a kill is open. */
  readonly toRemove = new Set<string>();
  /** Runs whose acceptance was answered, with their sessions. */
  readonly accepted = new Map<string, string>();
  /** Sessions that somebody asked to end. */
  readonly steered = new Set<string>();
  /** Texts whose acceptance was answered, by session. */
  readonly sent = new Map<string, string[]>();
  readonly folders: readonly string[];
  bounds = { total: 2, perRoot: 2 };
  /** So many runs may work although the bounds are lower. */
  excess = { total: 0, perRoot: 0 };
  /** Tokens that are counted below a session and are of none that is there. */
  usedByRemoved = new Map<string, { children: string[]; tokens: number }>();
  core!: Core;
  #isOpen = false;
  readonly #dir = mkdtempSync(join(testFolder, "model-"));

  constructor() {
    this.watch = new Watch((id) => this.ids.push(id));
    this.folders = ["work1", "work2"].map((name) => join(this.#dir, name));
    for (const folder of this.folders) mkdirSync(folder);
  }

  get clock(): SimulatedClock {
    return this.core.clock;
  }

  /** Opens a core on what is stored; call it once the one before is gone. */
  async open(now: number): Promise<void> {
    const folder = stateFolder(this.#dir, {});
    const lines: LogLine[] = [];
    const log = logInto(lines);
    const clock = simulatedClock(now);
    const gated = await openGatedStore(folder.storeFile, log, clock);
    const { store } = gated;
    const stored = await loadStored(store, log);
    const sessions = stored.sessions.map(({ session }) => session);
    this.watch.restarted(sessions, stored.lastCompletion, {
      isStoring: () => store.health.ok,
      mayBeGone: (id) => this.toRemove.has(id),
    });
    if (stored.setAside.length > 0) this.watch.fault(`set aside: ${stored.setAside.join()}`);
    const scripted = new Agents((id) => this.manners.get(id) ?? "obeys");
    const isCurrent = () => this.core === core;
    const assembly = assemble({
      ...{ folder, store, stored, clock, log },
      configuration: createConfiguration(join(this.#dir, "config.json")),
      settings: () => ({
        ...settingsOf({ heartbeatMs: 30_000, watchdog: { checkMs: 30_000 } }),
        concurrency: this.bounds,
      }),
      permissions: () => ({}),
      environment: { HOME: this.#dir, PATH: "" },
      selfCommand: [process.execPath],
      processes: namedProcesses(),
      runners: () => ({ command: scripted }),
      notify: (news) => void (isCurrent() && this.watch.notify(structuredClone(news))),
      canBeAnswered: () => true,
      apiKeys: () => ({}),
      editorModels: () => new Map(),
      random: () => 0,
    });
    const core: Core = {
      ...{ ...assembly, ...gated, clock, scripted, log: lines },
      requests: requestsOf(assembly),
      pending: new Map(),
      waits: [],
    };
    this.core = core;
    this.usedByRemoved.clear();
    this.#isOpen = true;
    await assembly.approvalRules.removeOrphans();
    await recoverRuns(assembly.engine);
    store.onHealth(() => assembly.scheduler.boundsChanged());
    assembly.scheduler.start();
    await this.settle();
  }

  /** The end of a core without a word, as by a kill. */
  async kill(): Promise<void> {
    const { clock, kill } = this.core;
    this.lookAtLog();
    await kill();
    this.#isOpen = false;
    await this.open(clock.now());
  }

  /** As the core does; then another core is opened. */
  async stopInOrder(runs: "interrupt" | "cancel"): Promise<void> {
    const { scheduler, approvals, store, gate, clock } = this.core;
    gate.release();
    await this.settle();
    let isStopped = false;
    const stopping = (async () => {
      approvals.stop();
      await scheduler.stop(runs);
      await store.flush();
      await store.close();
      isStopped = true;
    })();
    const until = clock.now() + 10_000;
    await this.settle();
    while (!isStopped && clock.now() < until) await this.advance(500);
    if (!isStopped) throw new Error("the core has not stopped within 10 s");
    await stopping;
    for (const { session } of this.core.engine.tree.records()) {
      if (isLive(session)) this.watch.fault(`${session.id} is ${session.status} after a stop`);
    }
    this.#isOpen = false;
    this.lookAtLog();
    await this.open(clock.now());
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms, () => this.settle());
  }

  /** Resolves when nothing moves until time passes or somebody does something. */
  async settle(): Promise<void> {
    const { gate } = this.core;
    let quiet = 0;
    for (let turn = 0; quiet < quietTurns; turn += 1) {
      if (turn > mostTurns) throw new Error("the core does not come to rest");
      await gate.pause();
      if (readsFiles()) turn -= 1;
      await new Promise(setImmediate);
      quiet = gate.isBusy || readsFiles() ? 0 : quiet + 1;
    }
  }

  /** Follows a request: only what a client may see is thrown. */
  ask<Answer>(
    what: string,
    asked: Promise<Answer>,
    use: (answer: Answer) => void = () => {},
  ): void {
    const { core } = this;
    core.pending.set(asked, what);
    asked
      .then((answer) => this.core === core && use(answer))
      .catch((error: unknown) => {
        if (error instanceof OffshootError || error instanceof InvalidParams) return;
        const text = error instanceof Error ? String(error.stack) : String(error);
        if (this.core === core) this.watch.fault(`${what} threw ${text}`);
      })
      .finally(() => core.pending.delete(asked));
  }

  caller(run?: { sessionId: string; runId: string }): Caller {
    return {
      name: "test",
      options: run === undefined ? {} : { run },
      settings: { source: "client", config: { agents: profiles }, faults: [] },
      folders: this.folders,
    };
  }

  /** Faults that the core has seen itself. */
  lookAtLog(): void {
    for (const { level, facts, sentence } of this.core.log) {
      const isOfStore = /\bstore\b|^Writes were lost|^SQLITE|no space left/.test(sentence);
      const isThrow = "err" in facts && String(facts.err).includes("a fault of the agent");
      if (level !== "error" || isThrow) continue;
      if (isOfStore && !sentence.startsWith("A callback")) continue;
      const cause = "err" in facts && facts.err instanceof Error ? facts.err.stack : "";
      this.watch.fault(`the log says: ${sentence} ${cause}`);
    }
  }

  async close(): Promise<void> {
    if (this.#isOpen) await this.core.kill();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** Processes of which nothing is there but what a script's agents have named, until it is ended. */
function namedProcesses(): Processes {
  const ended = new Set<number>();
  return {
    identify: () => undefined,
    find: async ({ records = [] }) => records.filter(({ pid }) => !ended.has(pid)),
    async endProcesses({ find }) {
      for (const { pid } of find.records ?? []) ended.add(pid);
      return [];
    },
    endLeftovers: async () => [],
  };
}

function readsFiles(): boolean {
  return process.getActiveResourcesInfo().some((name) => name.startsWith("FSReq"));
}
