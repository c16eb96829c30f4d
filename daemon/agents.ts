/**
 * Which agents there are for a client in a folder. Later sources win over earlier ones of the same
 * name: built-in, the user's file, the workspace's file (trusted only), the client's settings.
 */
import { delimiter, isAbsolute, join } from "node:path";
import { accessSync, constants, statSync } from "node:fs";
import type { AgentProfile, Config } from "../protocol/config.ts";
import { OffshootError } from "../protocol/errors.ts";
import type { AgentInfo } from "../protocol/daemon.ts";
import type { Limits } from "../protocol/session.ts";
import { faultText, type Configuration, type LoadedConfig } from "./config.ts";
import type { Client } from "./hub.ts";

/** What a client may use and how it is set up, for work in one folder. */
export interface Scope {
  /** Merged over all sources. */
  config: Config;
  profiles: ReadonlyMap<string, { profile: AgentProfile; source: string }>;
  faults: string[];
}

export interface Agents {
  /** Everything that counts for this client in this folder. */
  scopeFor(client: Client, cwd: string | undefined): Scope;
  list(scope: Scope): AgentInfo[];
  /** Throws 1002 `agentNotFound` with the names that there are. */
  resolve(scope: Scope, name: string | undefined): AgentProfile;
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

export function createAgents(parts: {
  configuration: Configuration;
  environment: NodeJS.ProcessEnv;
  /** The kinds of runners that there are. */
  runners: readonly string[];
}): Agents {
  const { configuration, environment, runners } = parts;

  function sourcesFor(client: Client, cwd: string | undefined): LoadedConfig[] {
    const builtIn = { source: "built-in", config: { agents: [shell] }, faults: [] };
    const sources: LoadedConfig[] = [builtIn, configuration.user()];
    if (client.options.workspaceTrusted === true && cwd !== undefined) {
      const top = client.folders.find((folder) => isInside(cwd, folder));
      const mayLook = client.folders.length === 0 || top !== undefined;
      const workspace = mayLook ? configuration.workspace(cwd, top) : undefined;
      if (workspace !== undefined) sources.push(workspace);
    }
    sources.push({ ...client.settings, source: "client" });
    return sources;
  }

  return {
    scopeFor(client, cwd) {
      const sources = sourcesFor(client, cwd);
      const profiles = new Map<string, { profile: AgentProfile; source: string }>();
      for (const { source, config } of sources) {
        for (const profile of config.agents ?? []) profiles.set(profile.name, { profile, source });
      }
      return {
        config: merged(sources.map(({ config }) => config)),
        profiles,
        faults: sources.flatMap(({ faults }) => faults.map(faultText)),
      };
    },

    list(scope) {
      return [...scope.profiles.values()].map(({ profile, source }) => {
        const reason = whyUnavailable(profile, runners, environment);
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
      const found = scope.profiles.get(wanted)?.profile;
      if (found !== undefined && runners.includes(found.runner.kind)) return found;
      const names = [...scope.profiles.keys()].join(", ");
      const faults = scope.faults.map((fault) => ` ${fault}`).join("");
      const message =
        found === undefined
          ? `there is no agent "${wanted}"; there are: ${names}.${faults}`
          : `agent "${wanted}": ${whyUnavailable(found, runners, environment) ?? ""}`;
      throw new OffshootError("agentNotFound", message, { agent: wanted });
    },
  };
}

/** Later ones win, in `limits` one by one. */
function merged(configs: readonly Config[]): Config {
  const limits = Object.assign({}, ...configs.map((config) => config.limits)) as Limits;
  return Object.assign({}, ...configs, { limits }) as Config;
}

function whyUnavailable(
  { runner }: AgentProfile,
  runners: readonly string[],
  environment: NodeJS.ProcessEnv,
): string | undefined {
  if (!runners.includes(runner.kind)) {
    return `this version has no runner of the kind ${runner.kind}; it has: ${runners.join(", ")}`;
  }
  if (runner.kind === "model" || isOnPath(runner.command, environment)) return undefined;
  return `the program ${runner.command} is not there; install it or correct the agent's "command"`;
}

/** Whether a program can be started by this name; a relative path depends on the run's folder. */
function isOnPath(command: string, environment: NodeJS.ProcessEnv): boolean {
  if (isAbsolute(command)) return isExecutable(command);
  if (/[/\\]/.test(command)) return true;
  const endings = process.platform === "win32" ? ["", ".exe", ".cmd", ".bat"] : [""];
  const folders = (environment["PATH"] ?? environment["Path"] ?? "").split(delimiter);
  return folders.some(
    (folder) =>
      folder !== "" && endings.some((ending) => isExecutable(join(folder, command + ending))),
  );
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}
