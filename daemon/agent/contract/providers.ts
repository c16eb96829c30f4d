/** Finds the provider of a "provider/model", its address, and the variable that holds its key. */
import type { Config } from "../../../protocol/config.ts";
import { TypedError } from "./runErrors.ts";

export type ProviderConfig = NonNullable<Config["providers"]>[string];

export interface ChosenProvider {
  kind: ProviderConfig["kind"];
  provider: string;
  modelId: string;
  baseUrl?: string;
  /** Absent for servers that need no key, such as those on the same machine. */
  apiKey?: string;
}

/**
 * Providers that are known without configuration; a configured one of the same name replaces it.
 */
export const knownProviders: Readonly<Record<string, ProviderConfig>> = {
  anthropic: { kind: "anthropic", apiKeyEnv: "ANTHROPIC_API_KEY" },
  openai: { kind: "openai", apiKeyEnv: "OPENAI_API_KEY" },
  google: { kind: "google", apiKeyEnv: "GEMINI_API_KEY" },
  openrouter: {
    kind: "openai-compatible",
    baseUrl: "https://openrouter.ai/api/v1",
    apiKeyEnv: "OPENROUTER_API_KEY",
  },
  ollama: { kind: "openai-compatible", baseUrl: "http://127.0.0.1:11434/v1" },
  lmstudio: { kind: "openai-compatible", baseUrl: "http://127.0.0.1:1234/v1" },
  vllm: { kind: "openai-compatible", baseUrl: "http://127.0.0.1:8000/v1" },
};

export const noModelIsChosen =
  "no model is chosen: name one as provider/model when you spawn (--model), in the agent's profile, " +
  "as defaultModel of the configuration or in OFFSHOOT_MODEL, and set the key of its provider; the " +
  "model rehearsal/planner needs no key";

/** Other names of variables that people use for the same key. */
const otherKeyNames: Readonly<Record<string, string[]>> = {
  GEMINI_API_KEY: ["GOOGLE_GENERATIVE_AI_API_KEY", "GOOGLE_API_KEY"],
};

/**
 * Throws a TypedError that says what to set where the provider or its key is missing. A given key
 * counts before the keys of the environment.
 */
export function chooseProvider(
  name: string,
  configured: Config["providers"],
  keys: { environment: NodeJS.ProcessEnv; given: string | undefined },
): ChosenProvider {
  if (name === "") throw new TypedError("invalid_request", noModelIsChosen);
  const slash = name.indexOf("/");
  const provider = name.slice(0, Math.max(0, slash));
  const modelId = name.slice(slash + 1);
  const providers: Record<string, ProviderConfig> = { ...knownProviders, ...configured };
  const found = Object.hasOwn(providers, provider) ? providers[provider] : undefined;
  if (found === undefined || modelId === "") {
    const names = ["rehearsal", "vscode", ...Object.keys(providers)].join(", ");
    throw new TypedError(
      "invalid_request",
      `"${name}" names no model: write provider/model, with one of the providers ${names}`,
    );
  }
  const { kind, baseUrl } = found;
  if (kind === "openai-compatible" && baseUrl === undefined) {
    throw new TypedError("invalid_request", `the provider "${provider}" needs a baseUrl`);
  }
  const apiKey = keys.given ?? readKey(found, keys.environment);
  return {
    kind,
    provider,
    modelId,
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(apiKey === undefined ? {} : { apiKey }),
  };
}

/** Names of the variables that hold keys of these providers. */
export function keyNamesOf(configured: Config["providers"]): string[] {
  const providers = Object.values({ ...knownProviders, ...configured });
  return providers.flatMap(({ apiKeyEnv }) => namesLike(apiKeyEnv));
}

/** The name of a key's variable and its other names. */
function namesLike(name: string | undefined): string[] {
  return name === undefined ? [] : [name, ...(otherKeyNames[name] ?? [])];
}

/** The keys of providers that an environment holds, by provider. */
export function keysIn(
  environment: NodeJS.ProcessEnv,
  configured: Config["providers"],
): Record<string, string> {
  const keys: Record<string, string> = {};
  const providers: Record<string, ProviderConfig> = { ...knownProviders, ...configured };
  for (const [provider, { apiKeyEnv }] of Object.entries(providers)) {
    const key = namesLike(apiKeyEnv)
      .map((name) => environment[name])
      .find((value) => value);
    if (key !== undefined) keys[provider] = key;
  }
  return keys;
}

function readKey(
  { kind, apiKeyEnv }: ProviderConfig,
  environment: NodeJS.ProcessEnv,
): string | undefined {
  const names = namesLike(apiKeyEnv ?? knownProviders[kind]?.apiKeyEnv);
  if (names.length === 0) return undefined;
  const key = names.map((candidate) => environment[candidate]).find((value) => value);
  if (key !== undefined) return key;
  throw new TypedError("auth", `the environment variable ${names.join(" or ")} is not set`);
}
