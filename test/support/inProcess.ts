/**
 * The parts of a core, put together as core.ts does it, but in the test's own process: for what no
 * program can do, such as using tokens, failing with a typed error or never returning. The store,
 * the scheduler and all else are the real ones; only the runner is the test's.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createAdoption } from "../../daemon/runs/adoptedChildren.ts";
import { createAgents } from "../../daemon/profiles/catalogue.ts";
import { createAgentServices } from "../../daemon/runs/runServices.ts";
import { createApprovalRules, type ApprovalRules } from "../../daemon/permissions/standingRules.ts";
import { createApprovals, type Approvals } from "../../daemon/permissions/approvals.ts";
import { createAttempts, type Attempts } from "../../daemon/runs/attempt.ts";
import { createCompletions, type Completions } from "../../daemon/runs/completions.ts";
import { createConfiguration } from "../../daemon/config/config.ts";
import { createFolders } from "../../daemon/base/folders.ts";
import type { Client } from "../../daemon/server/hub.ts";
import type { News } from "../../daemon/sessions/news.ts";
import { createQueue } from "../../daemon/runs/queue.ts";
import { createProcesses } from "../../daemon/processes/processes.ts";
import type { Runner } from "../../daemon/runners/runner.ts";
import { createScheduler, type Scheduler } from "../../daemon/runs/scheduler.ts";
import { createSessionTree, type SessionTree } from "../../daemon/sessions/sessionTree.ts";
import { settingsOf, type Settings } from "../../daemon/config/settings.ts";
import { createSpawning } from "../../daemon/runs/spawn.ts";
import { stateFolder } from "../../daemon/base/stateFolder.ts";
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
  monotonicMs?: () => number;
  random?: () => number;
  /** Whether somebody is there who could answer an approval; by default, yes. */
  canBeAnswered?: () => boolean;
  /** What the configuration allows to everybody. */
  permissions?: () => Permissions;
  /** Puts something between the parts and the real store. */
  store?: (store: Store) => Store;
}

export interface TestParts {
  readonly tree: SessionTree;
  readonly store: Store;
  readonly scheduler: Scheduler;
  readonly completions: Completions;
  readonly approvals: Approvals;
  readonly rules: ApprovalRules;
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
  const now = Date.now;
  const told: News[] = [];
  const tell = (news: News) => void told.push(structuredClone(news));
  const settings = () => (options.settings ?? ((same) => same))(settingsOf(quickConfig));

  const opened = await openStore({ uri: `sqlite://${folder.storeFile}`, log, now, retryMs: 20 });
  const store = options.store?.(opened) ?? opened;
  const queue = createQueue();
  const tree = createSessionTree({ store, places: queue, now, tell, loaded: [] });
  const completions = createCompletions({
    tree,
    now,
    last: 0,
    ended: (session, fresh) => scheduler.ended(session, fresh),
  });
  const environment = process.env;
  const environments = { wanted: () => undefined };
  const selfCommand = [process.execPath];
  const agents = createAgents({
    configuration: createConfiguration(join(dir, "config.json")),
    environment,
    runners: ["command"],
    apiKeys: () => ({}),
    editorModels: () => new Map(),
    find: tree.find,
    onFault: (fault) => log.warn({ fault }, "a file of an agent cannot be used"),
  });
  const adoption = createAdoption({
    tree,
    completions: () => completions,
    countUsage: (run, more, sessionId) => attempts.countUsage(run, more, sessionId),
    now,
  });
  const rules = createApprovalRules({ tree, store, tell, now, loaded: [] });
  const approvals = createApprovals({
    tree,
    store,
    rules,
    tell,
    now,
    timeoutMs: () => settings().approvalTimeoutMs,
    canBeAnswered: options.canBeAnswered ?? (() => true),
    before: { last: 0, expired: [] },
  });
  const attempts: Attempts = createAttempts({
    tree,
    store,
    processes: createProcesses({ log }),
    runners: { command: { run: options.run, canPause: options.canPause ?? (() => false) } },
    settings,
    folder,
    environmentOf: () => environment,
    services: createAgentServices({
      tree,
      approvals,
      rules,
      adoption,
      folder,
      selfCommand,
      permissions: options.permissions ?? (() => ({})),
      materialFor: agents.materialFor,
      emit: (run, event) => attempts.emit(run, event),
      askingChanged: (run) => scheduler.askingChanged(run),
      now,
    }),
    endAdopted: (run) => adoption.endAll(run),
    now,
    log,
  });
  const scheduler: Scheduler = createScheduler({
    tree,
    store,
    queue,
    attempts,
    agents,
    environments,
    completions: () => completions,
    settings,
    tell,
    now,
    monotonicMs: options.monotonicMs ?? (() => performance.now()),
    random: options.random ?? Math.random,
    log,
  });
  const spawning = createSpawning({
    tree,
    store,
    queue,
    scheduler,
    agents,
    folders: createFolders(),
    settings,
    environments,
    isStopping: () => false,
    now,
  });
  const client = testClient(dir, options.profile);
  scheduler.pump();

  const parts: TestParts = {
    tree,
    store,
    scheduler,
    completions,
    approvals,
    rules,
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

/** Somebody who is connected, as far as spawning wants to know. */
function testClient(folder: string, more: Partial<AgentProfile> = {}): Client {
  const profile: AgentProfile = {
    name: "test",
    runner: { kind: "command", command: process.execPath },
    ...more,
  };
  return {
    id: 1,
    name: "test",
    options: {},
    settings: { source: "client", config: { agents: [profile] }, faults: [] },
    folders: [folder],
    outbound: undefined as never,
    asking: undefined as never,
    tree: undefined,
    sessions: new Map(),
  };
}
