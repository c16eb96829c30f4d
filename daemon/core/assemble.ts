/**
 * The composition root: every part of the core between the store and the wire, put together once.
 * Read this file to see which parts there are. What differs between a core and a test is a seam.
 */
import type { Settings } from "../config/settings.ts";
import type { Permissions } from "../../protocol/config.ts";
import type { Clock } from "../base/clock.ts";
import { createFolders } from "../base/folders.ts";
import type { Log } from "../base/log.ts";
import type { StateFolder } from "../base/stateFolder.ts";
import { Approvals } from "../permissions/approvals.ts";
import { StandingRules } from "../permissions/standingRules.ts";
import type { Processes } from "../processes/processes.ts";
import { Catalogue } from "../profiles/catalogue.ts";
import type { Configuration } from "../config/config.ts";
import type { Runner } from "../runners/runner.ts";
import { removeAgentSessions } from "../runners/agentHost/sessionFiles.ts";
import { AdoptedChildren } from "../runs/adoptedChildren.ts";
import { Attempts } from "../runs/attempt.ts";
import { buildEngine, type Engine } from "../runs/engine.ts";
import { createSessionEnvironments, type SessionEnvironments } from "../runs/environments.ts";
import { Intake } from "../runs/intake.ts";
import { RunQueue } from "../runs/queue.ts";
import { createRetention, type Retention } from "../runs/retention.ts";
import { RunServices } from "../runs/runServices.ts";
import { Scheduler } from "../runs/scheduler.ts";
import { createSpawning, type Spawning } from "../runs/spawn.ts";
import type { News } from "../sessions/news.ts";
import { SessionTree } from "../sessions/sessionTree.ts";
import type { Store } from "../store/sessionStore.ts";
import type { Stored } from "./recover.ts";

export interface Seams {
  folder: StateFolder;
  store: Store;
  /** What the store held at the start. */
  stored: Stored;
  configuration: Configuration;
  settings: () => Settings;
  /** What the configuration allows to everybody. */
  permissions: () => Permissions;
  environment: NodeJS.ProcessEnv;
  /** How to call `offshoot` itself. */
  selfCommand: readonly string[];
  processes: Processes;
  runners: (tree: SessionTree) => { readonly [kind: string]: Runner };
  /** Sends a notification to the clients that it concerns. */
  notify: (news: News) => void;
  /** Whether a client is connected that can answer an approval. */
  canBeAnswered: () => boolean;
  /** Keys that clients lent, by provider. */
  apiKeys: () => Readonly<Record<string, string>>;
  /** Models that connected windows offer, by id. */
  editorModels: () => ReadonlyMap<string, unknown>;
  clock: Clock;
  random: () => number;
  log: Log;
}

export interface Assembly {
  readonly engine: Engine;
  readonly scheduler: Scheduler;
  readonly attempts: Attempts;
  readonly spawning: Spawning;
  readonly agents: Catalogue;
  readonly environments: SessionEnvironments;
  readonly approvals: Approvals;
  readonly approvalRules: StandingRules;
  readonly retention: Retention;
}

export function assemble(seams: Seams): Assembly {
  const { folder, store, stored, configuration, environment, selfCommand } = seams;
  const { processes, settings, permissions, notify, clock, random, log } = seams;
  const { now } = clock;

  const intake = new Intake();
  const queue = new RunQueue(intake);
  const loaded = stored.sessions;
  const tree = new SessionTree({ store, places: queue, now, notify, loaded });
  const engine = buildEngine({
    ...{ tree, store, queue, intake, settings, notify, clock, random, log },
    lastCompletion: stored.lastCompletion,
  });

  const runners = seams.runners(tree);
  const environments = createSessionEnvironments({ tree, own: environment });
  const agents = new Catalogue({
    ...{ configuration, environment },
    runners: Object.keys(runners),
    apiKeys: seams.apiKeys,
    editorModels: seams.editorModels,
    find: (sessionId) => tree.find(sessionId),
    onFault: (fault) => log.warn({ fault }, "a file of an agent cannot be used"),
  });

  const approvalRules = new StandingRules({
    ...{ tree, store, notify, now },
    loaded: stored.approvalRules,
  });
  const approvals = new Approvals({
    ...{ tree, store, rules: approvalRules, notify, clock },
    timeoutMs: () => settings().approvalTimeoutMs,
    canBeAnswered: seams.canBeAnswered,
    before: stored.approvals,
  });

  const adopted = new AdoptedChildren(engine);
  const services = new RunServices({
    ...{ engine, approvals, rules: approvalRules, adopted, folder, selfCommand, permissions },
    promptMaterial: (record) => agents.promptMaterial(record),
  });
  const attempts = new Attempts({
    ...{ engine, processes, runners, folder, services, adopted },
    environmentOf: environments.of,
  });
  const scheduler = new Scheduler(engine, attempts);
  const spawning = createSpawning({ engine, agents, environments, folders: createFolders() });
  const retention = createRetention({
    ...{ engine, approvalRules, environments },
    removeFiles: (records) => removeAgentSessions(folder.dir, records),
  });
  return {
    ...{ engine, scheduler, attempts, spawning, agents, environments },
    ...{ approvals, approvalRules, retention },
  };
}
