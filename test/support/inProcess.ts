/**
 * A core without its wire, in the test's own process: for what no
 * program can do, such as using tokens, failing with a typed error or never returning. The store,
 * the scheduler and all else are the real ones; only the runner is the test's.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { systemClock, type Clock } from "../../daemon/base/clock.ts";
import { stateFolder } from "../../daemon/base/stateFolder.ts";
import { createConfiguration } from "../../daemon/config/config.ts";
import { settingsOf, type Settings } from "../../daemon/config/settings.ts";
import { assemble, type Assembly } from "../../daemon/core/assemble.ts";
import { createProcesses } from "../../daemon/processes/processes.ts";
import type { Runner } from "../../daemon/runners/runner.ts";
import { enqueueRun, sendMessage } from "../../daemon/runs/messages.ts";
import { pauseSession, resumeSession } from "../../daemon/runs/pause.ts";
import { waitForRuns } from "../../daemon/runs/runWaits.ts";
import { loadStored } from "../../daemon/core/recover.ts";
import type { Caller } from "../../daemon/sessions/caller.ts";
import type { News } from "../../daemon/sessions/news.ts";
import type { SessionTree } from "../../daemon/sessions/sessionTree.ts";
import { openStore } from "../../daemon/store/openStore.ts";
import type { Store } from "../../daemon/store/sessionStore.ts";
import type { AgentProfile, Permissions } from "../../protocol/config.ts";
import type { AgentEvent } from "../../protocol/events.ts";
import type {
  Completion,
  NotificationMethod,
  NotificationParams,
  ParamsOf,
} from "../../protocol/messages.ts";
import type { Session, SessionStatus } from "../../protocol/session.ts";
import { quickConfig } from "./daemon.ts";
import { logInto, type LogLine } from "./storeRecords.ts";
import { testFolder } from "./testFolder.ts";
import { waitFor } from "./waitFor.ts";

export interface TestPartsOptions {
  run: Runner["run"];
  /** Whether the test's agent has turns to pause at; by default, it has none. */
  canPause?: () => boolean;
  /** Of the agent `test`, which every spawn uses. */
  profile?: Partial<AgentProfile>;
  settings?: (settings: Settings) => Settings;
  clock?: Partial<Clock>;
  random?: () => number;
  /** Whether somebody is there who could answer an approval; by default, yes. */
  canBeAnswered?: () => boolean;
  /** What the configuration allows to everybody. */
  permissions?: () => Permissions;
  /** Puts something between the parts and the real store. */
  store?: (store: Store) => Store;
}

export interface TestParts extends Assembly {
  readonly requests: ReturnType<typeof requestsOf>;
  readonly tree: SessionTree;
  readonly store: Store;
  readonly log: readonly LogLine[];
  /** Everything that clients would have been told, in its order. */
  readonly told: readonly News[];
  spawn(prompt: string, more?: Partial<ParamsOf<"session/spawn">>): Promise<Session>;
  of<M extends NotificationMethod>(method: M): NotificationParams<M>[];
  /** Resolves with the completion of the session's nth run. */
  completion(sessionId: string, nth?: number): Promise<Completion>;
  until(sessionId: string, status: SessionStatus): Promise<Session>;
  /** The events of a session that were told. */
  events(sessionId: string): AgentEvent[];
  /** What was told of the session's runs, heartbeats left out: methods and types of events. */
  words(sessionId: string): string[];
  stop(): Promise<void>;
}

export async function openParts(options: TestPartsOptions): Promise<TestParts> {
  const dir = mkdtempSync(join(testFolder, "p-"));
  const folder = stateFolder(dir, {});
  const lines: LogLine[] = [];
  const log = logInto(lines);
  const told: News[] = [];
  const clock = { ...systemClock, ...options.clock };
  const uri = `sqlite://${folder.storeFile}`;
  const opened = await openStore({ uri, log, clock, retryMs: 20 });
  const store = options.store?.(opened) ?? opened;
  const configuration = createConfiguration(join(dir, "config.json"));
  const assembly = assemble({
    ...{ folder, store, configuration, clock, log },
    stored: await loadStored(store, log),
    settings: () => (options.settings ?? ((same) => same))(settingsOf(quickConfig)),
    permissions: options.permissions ?? (() => ({})),
    environment: process.env,
    selfCommand: [process.execPath],
    processes: createProcesses({ log }),
    runners: () => ({
      command: { run: options.run, canPause: options.canPause ?? (() => false) },
    }),
    notify: (news) => void told.push(structuredClone(news)),
    canBeAnswered: options.canBeAnswered ?? (() => true),
    apiKeys: () => ({}),
    editorModels: () => new Map(),
    random: options.random ?? Math.random,
  });
  const { engine, scheduler, spawning, approvals } = assembly;
  const { tree } = engine;
  const client = testClient(dir, options.profile);
  scheduler.start();

  const parts: TestParts = {
    ...assembly,
    requests: requestsOf(assembly),
    tree,
    store,
    log: lines,
    told,
    spawn: (prompt, more = {}) =>
      spawning.spawn({ prompt, agent: "test", cwd: dir, ...more }, client),
    of: (method) => told.flatMap((one) => (one.method === method ? [one.params] : [])) as never,
    completion: (sessionId, nth = 1) =>
      waitFor(
        () =>
          parts.of("subAgent/completed").filter((one) => one.childSessionId === sessionId)[nth - 1],
        `completion ${nth} of ${sessionId}`,
        { describe: () => parts.words(sessionId) },
      ),
    until: (sessionId, status) =>
      waitFor(
        () => tree.peek(sessionId)?.status === status && tree.show(sessionId),
        `${sessionId} to be ${status}`,
        { describe: () => tree.peek(sessionId) },
      ),
    events: (sessionId) =>
      parts
        .of("subAgent/event")
        .flatMap(({ childSessionId, event }) => (childSessionId === sessionId ? [event] : [])),
    words: (sessionId) =>
      told.flatMap(({ method, params }) => {
        if (!("childSessionId" in params) || params.childSessionId !== sessionId) return [];
        if (method === "subAgent/heartbeat") return [];
        return [method === "subAgent/event" ? params.event.type : method.replace(/.*\//, "")];
      }),
    async stop() {
      await scheduler.stop("interrupt");
      approvals.stop();
      await store.flush();
      await store.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return parts;
}

/** What clients ask of runs, as the handlers of the wire pass it on. */
export function requestsOf(assembly: Assembly) {
  const { engine, attempts } = assembly;
  const { tree, cancels, runs } = engine;
  const never = new AbortController().signal;
  const caller = undefined;
  return {
    run: async (id: string) => await enqueueRun(assembly, tree.getChild(id), { caller }),
    send: (params: ParamsOf<"session/send">) => sendMessage(assembly, params),
    cancel: (id: string, reason?: string, byRunOf?: string) => cancels.cancel(id, reason, byRunOf),
    pause: (params: ParamsOf<"session/pause">) =>
      pauseSession({ engine, canPause: (record) => attempts.canPause(record) }, params),
    resume: (params: ParamsOf<"session/resume">) => resumeSession(engine, params),
    wait: (
      params: ParamsOf<"session/wait">,
      ofRun?: { sessionId: string; runId: string },
      signal = never,
    ) => waitForRuns(engine, params, ofRun, signal),
    isEnding: (id: string) => cancels.isEnding(id),
    endForDeletion: (ids: readonly string[], remove: (ids: string[]) => Promise<void>) =>
      cancels.endForDeletion(ids, remove),
    liveRun: (id: string) => runs.get(id),
  };
}

/** Somebody who is connected, as far as spawning wants to know. */
function testClient(folder: string, more: Partial<AgentProfile> = {}): Caller {
  const profile: AgentProfile = {
    name: "test",
    runner: { kind: "command", command: process.execPath },
    ...more,
  };
  return {
    name: "test",
    options: {},
    settings: { source: "client", config: { agents: [profile] }, faults: [] },
    folders: [folder],
  };
}
