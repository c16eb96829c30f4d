/**
 * From a request to spawn to a stored, queued session: everything is checked first, then written
 * in one transaction, and only then is the request answered.
 */
import { resolve } from "node:path";
import { v7 as newId } from "uuid";
import type { AgentProfile, Config, Permissions } from "../../protocol/config.ts";
import { OffshootError } from "../../protocol/errors.ts";
import type { ParamsOf } from "../../protocol/messages.ts";
import type { Limits, Message, Session } from "../../protocol/session.ts";
import type { Catalogue, Scope } from "../profiles/catalogue.ts";
import type { Folders } from "../base/folders.ts";
import type { Caller } from "../sessions/caller.ts";
import { InvalidParams } from "../base/invalidParams.ts";
import { cutToParent, limitExceeded, stricter } from "../sessions/limits.ts";
import type { Engine } from "./engine.ts";
import type { SessionEnvironments } from "./environments.ts";
import { newChild, rootRecord, titleOf } from "../sessions/newSession.ts";
import { storeUnavailable } from "../sessions/storeUnavailable.ts";
import { permissionToSpawn } from "../permissions/spawnPermission.ts";
import type { InheritedConfig, StoredSession, TrustedWorkspace } from "../sessions/records.ts";
import { transition } from "../sessions/transition.ts";

type SpawnParams = ParamsOf<"session/spawn">;

export interface Spawning {
  spawn(params: SpawnParams, client: Caller): Promise<Session>;
  createRoot(params: ParamsOf<"session/create">): Promise<Session>;
}

interface Parts {
  engine: Engine;
  agents: Catalogue;
  folders: Folders;
  environments: Pick<SessionEnvironments, "wanted">;
}

export function createSpawning(parts: Parts): Spawning {
  const { engine, agents, folders } = parts;
  const { tree, store, queue, runs, cancels, settings, intake } = engine;
  const { now } = engine.clock;
  /** Spawns with a key that are not answered yet: the same key joins them. */
  const underWay = new Map<string, Promise<Session>>();

  async function spawn(params: SpawnParams, client: Caller): Promise<Session> {
    const folder = await folders.checked(folderFor(params, client));
    await agents.warm(client, folder);
    return await spawnAllowed(await withLeave(params, client, folder), client, folder);
  }

  /** A run asks before it spawns; while that lasts everything else may change. */
  async function withLeave(
    params: SpawnParams,
    client: Caller,
    folder: string,
  ): Promise<SpawnParams> {
    const spawner = tree.find(client.options.run?.sessionId ?? "");
    if (spawner === undefined) return params;
    const profile = profileFor(params, agents.scopeFor(client, folder));
    const run = runs.get(spawner.session.id);
    const asker = run && { ask: run.attempt?.ask, spawnsAllowed: run.spawnsAllowed };
    const { prompt } = params;
    return {
      ...params,
      prompt: await permissionToSpawn(spawner, asker, { profile, prompt, folder }),
    };
  }

  async function spawnAllowed(
    params: SpawnParams,
    client: Caller,
    asked: string,
  ): Promise<Session> {
    const scopeOfAsked = agents.scopeFor(client, asked);
    const profile = profileFor(params, scopeOfAsked);
    const cwd =
      profile.cwd === undefined ? asked : await folders.checked(resolve(asked, profile.cwd));
    // From here to the commit nothing else can happen.
    refuseNewWork();
    const parent = parentOf(params, asked);
    const scope = cwd === asked ? scopeOfAsked : agents.scopeFor(client, cwd);
    refuseTooDeep(parent);
    refuseTooMany(parent);
    const limits = limitsFor(params, scope, profile, parent.session);
    if (params.autoRun !== false) queue.admit(parent.session.rootId, settings().queue);

    const { workspace } = scope;
    const setup = setupFor(scope, client);
    const narrowing = agents.resolve(scopeOfAsked, params.agent).permissions
      ? params.overrides?.permissions
      : undefined;
    const made = { cwd, profile, limits, workspace, setup, narrowing, at: now() };
    const child = childRecord(params, parent.session, made);
    const message: Message = { n: 1, at: now(), role: "user", text: params.prompt };
    const records = [{ ...parent, childCount: parent.childCount + 1 }, child];
    await tree.commitOrRefuse([{ records, messages: [{ sessionId: child.session.id, message }] }]);
    parts.environments.wanted(child.session.id, client);
    engine.queueUp(tree.get(child.session.id));
    return tree.show(child.session.id);
  }

  /** Where the work will be done, unless the agent's profile says otherwise. */
  function folderFor({ cwd, parentId }: SpawnParams, client: Caller): string {
    const parent = parentId === undefined ? undefined : tree.get(parentId);
    const folder = cwd ?? parent?.session.cwd ?? client.folders[0];
    if (folder !== undefined) return folder;
    throw new InvalidParams([{ path: "cwd", message: "is needed where there is no parentId" }]);
  }

  /** The named parent, or the root of the folder: the one there is, or a new one. */
  function parentOf({ parentId }: SpawnParams, folder: string): StoredSession {
    if (parentId !== undefined) {
      const parent = tree.get(parentId);
      if (!cancels.isEnding(parentId)) return parent;
      const { status, title } = parent.session;
      throw new OffshootError("invalidState", `"${title}" is being ended: nothing new below it`, {
        status,
      });
    }
    const roots = tree.rootsOfFolder(folder);
    const root = roots.find(({ session }) => !cancels.isDeleting(session.id));
    return root ?? rootRecord(folder, undefined, now());
  }

  function profileFor(params: SpawnParams, scope: Scope): AgentProfile {
    const found = agents.resolve(scope, params.agent);
    const { limits: _limits, permissions, ...overrides } = params.overrides ?? {};
    const profile: AgentProfile = {
      ...found,
      ...(overrides as Partial<AgentProfile>),
      ...(params.model !== undefined && { model: params.model }),
      // Those of the agent can only be narrowed, which `narrowing` does.
      ...(permissions !== undefined && !found.permissions && { permissions }),
    };
    return withServers(profile, scope.config);
  }

  /** What counts for the session though it is not of the user's own configuration. */
  function setupFor({ setup }: Scope, client: Caller): InheritedConfig | undefined {
    const surrounding = tree.find(client.options.run?.sessionId ?? "")?.setup;
    const whole = { ...surrounding, ...setup };
    return Object.keys(whole).length === 0 ? undefined : whole;
  }

  function refuseTooDeep({ session }: StoredSession): void {
    const max = Math.min(settings().maxDepth, session.limits.maxDepth ?? Number.MAX_SAFE_INTEGER);
    const depth = session.depth + 1;
    if (depth > max) throw limitExceeded("maxDepth", max, depth, session);
  }

  function refuseTooMany({ session, childCount }: StoredSession): void {
    if (session.kind === "root") return;
    const max = session.limits.maxChildren ?? settings().maxChildren;
    if (childCount >= max) throw limitExceeded("maxChildren", max, childCount, session);
  }

  function limitsFor(
    params: SpawnParams,
    { config }: Scope,
    profile: AgentProfile,
    parent: Session,
  ): Limits {
    const asked = stricter(profile.limits, params.limits, params.overrides?.limits);
    return cutToParent({ ...config.limits, ...asked }, parent);
  }

  function refuseNewWork(): void {
    intake.refuseIfClosed();
    if (!store.health.ok) throw storeUnavailable(store.health);
  }

  return {
    async spawn(params, client) {
      refuseNewWork();
      const { requestKey } = params;
      if (requestKey === undefined) return await spawn(params, client);
      const before = underWay.get(requestKey);
      if (before !== undefined) return await before;
      const known = tree.ofRequestKey(requestKey);
      if (known !== undefined) return tree.show(known.session.id);
      const spawning = spawn(params, client);
      underWay.set(requestKey, spawning);
      try {
        return await spawning;
      } finally {
        underWay.delete(requestKey);
      }
    },

    async createRoot({ title, cwd }) {
      const folder = await folders.checked(cwd);
      refuseNewWork();
      const record = rootRecord(folder, title, now());
      await tree.commitOrRefuse([{ records: [record] }]);
      return tree.show(record.session.id);
    },
  };
}

/** The servers of the configuration are everybody's; an agent's own of the same name win. */
function withServers(profile: AgentProfile, { mcpServers }: Config): AgentProfile {
  const { runner } = profile;
  if (mcpServers === undefined || runner.kind === "command") return profile;
  return {
    ...profile,
    runner: { ...runner, mcpServers: { ...mcpServers, ...runner.mcpServers } },
  };
}

function childRecord(
  params: SpawnParams,
  parent: Session,
  made: Required<Pick<StoredSession, "profile">> & {
    cwd: string;
    limits: Limits;
    workspace: TrustedWorkspace | undefined;
    setup: InheritedConfig | undefined;
    narrowing: Permissions | undefined;
    at: number;
  },
): StoredSession {
  const { cwd, profile, limits, workspace, setup, narrowing, at } = made;
  const created: Session = {
    ...newChild({ parent, title: params.title?.trim() || titleOf(params.prompt), cwd, at }),
    agent: profile.name,
    runner: profile.runner.kind,
    ...(profile.model !== undefined && { model: profile.model }),
    limits,
    messageCount: 1,
  };
  const enqueue = { type: "enqueue", runId: newId() } as const;
  const session =
    params.autoRun === false ? created : { ...transition(created, enqueue, at), version: 1 };
  return {
    session,
    ...(params.requestKey !== undefined && { requestKey: params.requestKey }),
    priority: params.priority ?? 0,
    profile,
    ...(workspace && { workspace }),
    ...(setup && { setup }),
    ...(narrowing && { narrowing }),
    ...(params.overrides?.runner && { ownRunner: true }),
    ...(params.title?.trim() && { titleGiven: true }),
    unreadFrom: 1,
    childCount: 0,
  };
}
