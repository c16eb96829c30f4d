/**
 * What the built-in agent gets under `_meta.offshoot` when the session of a run is opened. Pure.
 */
import type { SessionMeta } from "../../agent/contract/meta.ts";
import type { Config } from "../../../protocol/config.ts";
import type { RunContext } from "../runner.ts";
import { agentFolder } from "./sessionFiles.ts";

export interface MetaFacts {
  model: string;
  providers: Config["providers"];
  /** Keys that clients gave, by provider. */
  apiKeys: Readonly<Record<string, string>>;
  /** The core's state folder. */
  stateDir: string;
  /** The mark of the host, for what it starts for several runs. */
  hostMark: string;
}

export function sessionMetaOf(context: RunContext, facts: MetaFacts): SessionMeta {
  const { profile, limits, session, environment, permissionMode, skills, instructions } = context;
  const { runner, prompt } = profile;
  // Only the key that is needed.
  const apiKey = facts.apiKeys[facts.model.split("/")[0] ?? ""];
  const tools = runner.kind === "model" ? runner.tools : undefined;
  const { OFFSHOOT_SESSION: _ofThisRun, ...shared } = environment;
  return {
    model: facts.model,
    ...(prompt !== undefined && { prompt }),
    ...(tools !== undefined && { tools }),
    permissions: {
      mode: permissionMode,
      // The core decides about every call, because it knows the rules of the whole tree and asks
      // people.
      rules: [{ tool: "*", decision: "ask" }],
    },
    grantsTurns: true,
    // The core holds all other bounds: it counts for the whole tree, and its watchdog bounds the
    // time.
    ...(limits.maxTurns !== undefined && { limits: { maxTurns: limits.maxTurns } }),
    ...(facts.providers !== undefined && { providers: facts.providers }),
    ...(apiKey !== undefined && { apiKey }),
    ...(instructions !== undefined && { instructions }),
    skills: [...skills],
    stateDir: agentFolder(facts.stateDir),
    environment,
    serverEnvironment: { ...shared, OFFSHOOT_RUN: facts.hostMark },
    tree: session.rootId,
  };
}
