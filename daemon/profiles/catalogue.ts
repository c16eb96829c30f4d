/**
 * Which agents there are for a client in a folder, and what else counts there. The nearer wins, and
 * in each place the configuration before the files of single agents, so in rising order:
 *
 *     what is built in
 *     agents' files of the home folder, the user's configuration
 *     agents' files of the workspace, the workspace's configuration      (trusted only)
 *     the client's settings
 */
import { homedir } from "node:os";
import type { AgentProfile, Config } from "../../protocol/config.ts";
import { OffshootError } from "../../protocol/errors.ts";
import type { AgentInfo } from "../../protocol/daemon.ts";
import type { Limits } from "../../protocol/session.ts";
import type { AcpRunner, Vendor } from "./files/agentFacts.ts";
import {
  createAgentFileReader,
  fileFaultText,
  type AgentFiles,
  type AgentFilesRequest,
  type FileFault,
} from "./files/agentFiles.ts";
import type { Format } from "./files/formats.ts";
import { isInside } from "../base/paths.ts";
import { isOnPath, whyUnavailable } from "./availability.ts";
import { builtInModelAgents } from "./builtIn.ts";
import { faultText, type Configuration, type LoadedConfig } from "../config/config.ts";
import type { Caller } from "../sessions/caller.ts";
import { builtInAcpProfiles, howToGet } from "../runners/knownAgents.ts";
import type { RunContext } from "../runners/runner.ts";
import type { Setup, StoredSession, TrustedWorkspace } from "../sessions/records.ts";

/** What a client may use and how it is set up, for work in one folder. */
export interface Scope {
  /** Whose PATH counts. */
  environment: NodeJS.ProcessEnv;
  /** Merged over all sources. */
  config: Config;
  /** What workspace and client add to the user's own configuration. */
  setup: Setup;
  profiles: ReadonlyMap<string, KnownAgent>;
  /** What is wrong with configuration and agents' files, in whole sentences. */
  faults: string[];
  fileFaults: readonly FileFault[];
  /** Where what the workspace contributes counts. */
  workspace: TrustedWorkspace | undefined;
}

interface KnownAgent {
  profile: AgentProfile;
  /** `built-in`, `client`, or the path of a file. */
  source: string;
  /** Whose file it comes from, where it comes from one. */
  format?: Format;
}

/** Whoever asks, as far as agents go. */
export type Asker = Pick<Caller, "options" | "settings" | "folders">;

export interface Agents {
  /** Everything that counts for this client in this folder. */
  scopeFor(client: Asker, cwd: string | undefined): Scope;
  /** Wait for it, where there is something to wait for, before the first `scopeFor` of a folder. */
  warm(client: Asker, cwd: string | undefined): Promise<void> | undefined;
  list(scope: Scope): AgentInfo[];
  /** Throws 1002 `agentNotFound` with the names that there are. */
  resolve(scope: Scope, name: string | undefined): AgentProfile;
  /** The session for another run: its agent runs as it is configured for this client now. */
  renewed(record: StoredSession, client: Asker): StoredSession;
  /** What the built-in agent may read besides its prompt, in the folder of a session. */
  promptMaterial(record: StoredSession): Pick<RunContext, "skills" | "instructions">;
  /** What is wrong with the user's own agents' files, as far as they are meant for Offshoot. */
  userFaults(): string[];
}

/** The prompt is a shell command. */
const shell: AgentProfile = {
  name: "shell",
  description: "Runs the prompt as a shell command.",
  runner:
    process.platform === "win32"
      ? { kind: "command", command: "cmd.exe", args: ["/d", "/s", "/c", "{prompt}"] }
      : { kind: "command", command: "/bin/sh", args: ["-c", "{prompt}"] },
};

const builtIn = [shell, ...builtInModelAgents, ...builtInAcpProfiles];

/** What runs the agents that were written for a vendor, by the names of built-in agents. */
const vendors: readonly Vendor[] = ["claude", "codex", "gemini", "opencode", "copilot"];

export function createAgents(parts: {
  configuration: Configuration;
  environment: NodeJS.ProcessEnv;
  /** The kinds of runners that there are. */
  runners: readonly string[];
  /** Keys that clients gave, by provider. */
  apiKeys: () => Readonly<Record<string, string>>;
  /** Those that connected windows offer, by id. */
  editorModels: () => ReadonlyMap<string, unknown>;
  find: (sessionId: string) => StoredSession | undefined;
  /** Called once for everything that is wrong with an agent's file. */
  onFault: (text: string) => void;
}): Agents {
  const { configuration, environment, runners, apiKeys, editorModels, find, onFault } = parts;
  const files = createAgentFileReader();
  const told = new Set<string>();

  /** What a client contributes from inside a run counts as what that run's session was given. */
  function workspaceFor(client: Asker, cwd: string | undefined): TrustedWorkspace | undefined {
    if (cwd === undefined) return undefined;
    const { run, workspaceTrusted } = client.options;
    if (run !== undefined) {
      const workspace = find(run.sessionId)?.workspace;
      const isCovered = workspace?.top === undefined || isInside(cwd, workspace.top);
      return isCovered ? workspace : undefined;
    }
    if (workspaceTrusted !== true) return undefined;
    const top = client.folders.find((folder) => isInside(cwd, folder));
    if (top !== undefined) return { top };
    return client.folders.length === 0 ? {} : undefined;
  }

  /** The home folder is read for everybody. */
  function requestFor(
    workspace: TrustedWorkspace | undefined,
    cwd: string | undefined,
  ): AgentFilesRequest {
    const home = environment["HOME"] ?? environment["USERPROFILE"] ?? homedir();
    const trusted = workspace !== undefined && cwd !== undefined;
    return { folder: trusted ? cwd : home, top: workspace?.top, home, trusted };
  }

  function readFiles(request: AgentFilesRequest): AgentFiles {
    const found = files.read(request);
    for (const text of found.faults.map(fileFaultText)) {
      if (told.has(text)) continue;
      if (told.size >= mostTold) told.clear();
      told.add(text);
      onFault(text);
    }
    return found;
  }

  /** Where a vendor's agent is installed, however it was configured, that vendor's files run on it. */
  function vendorAgent(
    configs: readonly Config[],
    path: NodeJS.ProcessEnv,
  ): (vendor: Vendor) => AcpRunner | undefined {
    const profiles = [...builtIn, ...configs.flatMap(({ agents = [] }) => agents)];
    const runnerOf = (vendor: Vendor) => {
      const runner = profiles.findLast(({ name }) => name === vendor)?.runner;
      if (runner?.kind !== "acp" || !runners.includes("acp")) return undefined;
      return isOnPath(runner.command, path) ? runner : undefined;
    };
    const known = new Map<Vendor, ReturnType<typeof runnerOf>>();
    return (vendor) => {
      if (!known.has(vendor)) known.set(vendor, runnerOf(vendor));
      return known.get(vendor);
    };
  }

  function whyNot({ profile, format }: KnownAgent, scope: Scope): string | undefined {
    const { providers, defaultModel } = scope.config;
    const here = {
      defaultModel,
      runners,
      environment,
      programs: scope.environment,
      providers,
      apiKeys: apiKeys(),
      editorModels: editorModels(),
    };
    const why = whyUnavailable(profile, here);
    const vendor = vendors.find((one) => one === format);
    if (why === undefined || vendor === undefined || profile.runner.kind !== "model") return why;
    const own = builtInAcpProfiles.find(({ name }) => name === vendor)?.runner;
    const how = own?.kind === "acp" ? howToGet(own.command) : undefined;
    return how === undefined ? why : `${why}. Or use the agent that it was written for: ${how}`;
  }

  const agents: Agents = {
    scopeFor(client, cwd) {
      const workspace = workspaceFor(client, cwd);
      const own = client.options.environment ?? environment;
      const user = configuration.user();
      const ofWorkspace =
        workspace && cwd !== undefined ? configuration.workspace(cwd, workspace.top) : undefined;
      const settings = { ...client.settings, source: "client" };
      const configured = [user, ...(ofWorkspace ? [ofWorkspace] : []), settings];
      const configs = configured.map(({ config }) => config);
      const found = readFiles({
        ...requestFor(workspace, cwd),
        vendorAgent: vendorAgent(configs, own),
      });
      const ofFiles = (place: "home" | "workspace") =>
        found.profiles.filter(({ from }) => from === place);
      const known: KnownAgent[] = [
        ...builtIn.map((profile) => ({ profile, source: "built-in" })),
        ...ofFiles("home"),
        ...agentsOf(user),
        ...ofFiles("workspace"),
        ...agentsOf(ofWorkspace),
        ...agentsOf(settings),
      ];
      return {
        environment: own,
        config: merged(configs),
        setup: setupOf([ofWorkspace?.config ?? {}, settings.config], user.config),
        profiles: new Map(known.map((agent) => [agent.profile.name, agent])),
        faults: [
          ...configured.flatMap(({ faults }) => faults.map(faultText)),
          ...found.faults.map(fileFaultText),
        ],
        fileFaults: found.faults,
        workspace,
      };
    },

    warm: (client, cwd) => files.warm(requestFor(workspaceFor(client, cwd), cwd)),

    list(scope) {
      return [...scope.profiles.values()].map((agent) => {
        const { profile, source } = agent;
        const reason = whyNot(agent, scope);
        return {
          name: profile.name,
          description: profile.description ?? "",
          runner: profile.runner.kind,
          ...(profile.model !== undefined && { model: profile.model }),
          source,
          available: reason === undefined,
          ...(reason !== undefined && { reason }),
        };
      });
    },

    resolve(scope, name) {
      const wanted = name ?? scope.config.defaultAgent ?? shell.name;
      const found = scope.profiles.get(wanted);
      if (found !== undefined && runners.includes(found.profile.runner.kind)) return found.profile;
      const usable = [...scope.profiles.values()].filter((one) => !whyNot(one, scope));
      const names = usable.map(({ profile }) => profile.name).join(", ");
      const faults = scope.faults.map((fault) => ` ${fault}`).join("");
      const message =
        found === undefined
          ? `there is no agent "${wanted}"; there are: ${names}.${faults}`
          : `agent "${wanted}": ${whyNot(found, scope) ?? ""}`;
      throw new OffshootError("agentNotFound", message, { agent: wanted });
    },

    renewed(record, client) {
      const { session, profile, ownRunner } = record;
      if (profile === undefined || ownRunner === true) return record;
      const found = agents.scopeFor(client, session.cwd).profiles.get(session.agent)?.profile;
      return found ? { ...record, profile: { ...profile, runner: found.runner } } : record;
    },

    promptMaterial({ session, profile, workspace }) {
      if (profile?.runner.kind !== "model") return { skills: [], instructions: undefined };
      const { skills, instructions } = readFiles(requestFor(workspace, session.cwd));
      return { skills, instructions: instructions?.text };
    },

    userFaults() {
      const { faults } = readFiles(requestFor(undefined, undefined));
      return faults.filter(({ format }) => format === "offshoot").map(fileFaultText);
    },
  };
  return agents;
}

/** What workspace and client say of these, over what the user's own configuration says. */
function setupOf(more: readonly Config[], user: Config): Setup {
  const { permissions, providers, defaultModel }: Config = Object.assign({}, ...more);
  return {
    ...(permissions && { permissions: { ...user.permissions, ...permissions } }),
    ...(providers && { providers: { ...user.providers, ...providers } }),
    ...(defaultModel !== undefined && { defaultModel }),
  };
}

/** What was told of faults so often is forgotten, and told again. */
const mostTold = 1_000;

function agentsOf(loaded: LoadedConfig | undefined): KnownAgent[] {
  if (loaded === undefined) return [];
  const { config, source } = loaded;
  return (config.agents ?? []).map((profile) => ({ profile, source }));
}

/** Later ones win, in `limits` one by one. */
function merged(configs: readonly Config[]): Config {
  const limits = Object.assign({}, ...configs.map((config) => config.limits)) as Limits;
  return Object.assign({}, ...configs, { limits }) as Config;
}
