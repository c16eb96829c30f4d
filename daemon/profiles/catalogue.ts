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
import type { InheritedConfig, StoredSession, TrustedWorkspace } from "../sessions/records.ts";

/** What a client may use and how it is set up, for work in one folder. */
export interface Scope {
  /** Whose PATH counts. */
  environment: NodeJS.ProcessEnv;
  /** Merged over all sources. */
  config: Config;
  /** What workspace and client add to the user's own configuration. */
  setup: InheritedConfig;
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

/** What counts of the client that asks. */
export type Asker = Pick<Caller, "options" | "settings" | "folders">;

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

interface Parts {
  configuration: Configuration;
  environment: NodeJS.ProcessEnv;
  /** The kinds of runners that there are. */
  runners: readonly string[];
  /** Keys that clients gave, by provider. */
  apiKeys: () => Readonly<Record<string, string>>;
  /** Models that connected windows offer, by id. */
  editorModels: () => ReadonlyMap<string, unknown>;
  find: (sessionId: string) => StoredSession | undefined;
  /** Called once for everything that is wrong with an agent's file. */
  onFault: (text: string) => void;
}

export class Catalogue {
  readonly #parts: Parts;
  readonly #files = createAgentFileReader();
  /** Faults that `onFault` was called with. */
  readonly #logged = new Set<string>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Everything that counts for this client in this folder. */
  scopeFor(client: Asker, cwd: string | undefined): Scope {
    const workspace = this.#workspaceFor(client, cwd);
    const { configuration, environment } = this.#parts;
    const own = client.options.environment ?? environment;
    const user = configuration.user();
    const ofWorkspace =
      workspace && cwd !== undefined ? configuration.workspace(cwd, workspace.top) : undefined;
    const settings = { ...client.settings, source: "client" };
    const configured = [user, ...(ofWorkspace ? [ofWorkspace] : []), settings];
    const configs = configured.map(({ config }) => config);
    const found = this.#readFiles({
      ...this.#requestFor(workspace, cwd),
      vendorAgent: this.#vendorAgent(configs, own),
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
  }

  /** Await this, where there is something to await, before the first `scopeFor` of a folder. */
  warm(client: Asker, cwd: string | undefined): Promise<void> | undefined {
    return this.#files.warm(this.#requestFor(this.#workspaceFor(client, cwd), cwd));
  }

  list(scope: Scope): AgentInfo[] {
    return [...scope.profiles.values()].map((agent) => {
      const { profile, source } = agent;
      const reason = this.#whyNot(agent, scope);
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
  }

  /** Throws 1002 `agentNotFound` with the names that there are. */
  resolve(scope: Scope, name: string | undefined): AgentProfile {
    const wanted = name ?? scope.config.defaultAgent ?? shell.name;
    const found = scope.profiles.get(wanted);
    if (found !== undefined && this.#parts.runners.includes(found.profile.runner.kind))
      return found.profile;
    const usable = [...scope.profiles.values()].filter((one) => !this.#whyNot(one, scope));
    const names = usable.map(({ profile }) => profile.name).join(", ");
    const faults = scope.faults.map((fault) => ` ${fault}`).join("");
    const message =
      found === undefined
        ? `there is no agent "${wanted}"; there are: ${names}.${faults}`
        : `agent "${wanted}": ${this.#whyNot(found, scope) ?? ""}`;
    throw new OffshootError("agentNotFound", message, { agent: wanted });
  }

  /** The session for another run: its agent runs as it is configured for this client now. */
  renewed(record: StoredSession, client: Asker): StoredSession {
    const { session, profile, ownRunner } = record;
    if (profile === undefined || ownRunner === true) return record;
    const found = this.scopeFor(client, session.cwd).profiles.get(session.agent)?.profile;
    return found ? { ...record, profile: { ...profile, runner: found.runner } } : record;
  }

  /** What the built-in agent may read besides its prompt, in the folder of a session. */
  promptMaterial({
    session,
    profile,
    workspace,
  }: StoredSession): Pick<RunContext, "skills" | "instructions"> {
    if (profile?.runner.kind !== "model") return { skills: [], instructions: undefined };
    const { skills, instructions } = this.#readFiles(this.#requestFor(workspace, session.cwd));
    return { skills, instructions: instructions?.text };
  }

  /** What is wrong with the user's own agents' files, as far as they are meant for Offshoot. */
  userFaults(): string[] {
    const { faults } = this.#readFiles(this.#requestFor(undefined, undefined));
    return faults.filter(({ format }) => format === "offshoot").map(fileFaultText);
  }

  /** What a client contributes from inside a run counts as what that run's session was given. */
  #workspaceFor(client: Asker, cwd: string | undefined): TrustedWorkspace | undefined {
    if (cwd === undefined) return undefined;
    const { run, workspaceTrusted } = client.options;
    if (run !== undefined) {
      const workspace = this.#parts.find(run.sessionId)?.workspace;
      const isCovered = workspace?.top === undefined || isInside(cwd, workspace.top);
      return isCovered ? workspace : undefined;
    }
    if (workspaceTrusted !== true) return undefined;
    const top = client.folders.find((folder) => isInside(cwd, folder));
    if (top !== undefined) return { top };
    return client.folders.length === 0 ? {} : undefined;
  }

  /** The home folder is read for everybody. */
  #requestFor(workspace: TrustedWorkspace | undefined, cwd: string | undefined): AgentFilesRequest {
    const { environment } = this.#parts;
    const home = environment["HOME"] ?? environment["USERPROFILE"] ?? homedir();
    const trusted = workspace !== undefined && cwd !== undefined;
    return { folder: trusted ? cwd : home, top: workspace?.top, home, trusted };
  }

  #readFiles(request: AgentFilesRequest): AgentFiles {
    const found = this.#files.read(request);
    for (const text of found.faults.map(fileFaultText)) {
      if (this.#logged.has(text)) continue;
      if (this.#logged.size >= mostLogged) this.#logged.clear();
      this.#logged.add(text);
      this.#parts.onFault(text);
    }
    return found;
  }

  /** Where a vendor's agent is installed, however it was configured, that vendor's files run on it. */
  #vendorAgent(
    configs: readonly Config[],
    path: NodeJS.ProcessEnv,
  ): (vendor: Vendor) => AcpRunner | undefined {
    const profiles = [...builtIn, ...configs.flatMap(({ agents = [] }) => agents)];
    const runnerOf = (vendor: Vendor) => {
      const runner = profiles.findLast(({ name }) => name === vendor)?.runner;
      if (runner?.kind !== "acp" || !this.#parts.runners.includes("acp")) return undefined;
      return isOnPath(runner.command, path) ? runner : undefined;
    };
    const known = new Map<Vendor, ReturnType<typeof runnerOf>>();
    return (vendor) => {
      if (!known.has(vendor)) known.set(vendor, runnerOf(vendor));
      return known.get(vendor);
    };
  }

  #whyNot({ profile, format }: KnownAgent, scope: Scope): string | undefined {
    const { providers, defaultModel } = scope.config;
    const { runners, environment, apiKeys, editorModels } = this.#parts;
    const why = whyUnavailable(profile, {
      ...{ defaultModel, providers, runners, environment, programs: scope.environment },
      apiKeys: apiKeys(),
      editorModels: editorModels(),
    });
    const vendor = vendors.find((one) => one === format);
    if (why === undefined || vendor === undefined || profile.runner.kind !== "model") return why;
    const own = builtInAcpProfiles.find(({ name }) => name === vendor)?.runner;
    const how = own?.kind === "acp" ? howToGet(own.command) : undefined;
    return how === undefined ? why : `${why}. Or use the agent that it was written for: ${how}`;
  }
}

/** The settings of workspace and client that runs inherit, laid over the user's own. */
function setupOf(more: readonly Config[], user: Config): InheritedConfig {
  const { permissions, providers, defaultModel }: Config = Object.assign({}, ...more);
  return {
    ...(permissions && { permissions: { ...user.permissions, ...permissions } }),
    ...(providers && { providers: { ...user.providers, ...providers } }),
    ...(defaultModel !== undefined && { defaultModel }),
  };
}

/** After so many faults, those that were logged are forgotten, and logged again. */
const mostLogged = 1_000;

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
