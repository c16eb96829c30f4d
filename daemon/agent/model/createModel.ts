/** The model of a prompt, by its name. */
import type { SessionMeta } from "../meta.ts";
import { createRehearsal } from "../rehearsal/rehearsal.ts";
import { contextWindowOf } from "./contextWindow.ts";
import { createLanguageModel } from "./languageModel.ts";
import type { Model } from "./model.ts";
import { chooseProvider } from "./providers.ts";

export const rehearsalProvider = "rehearsal";

const defaultIdleMs = 300_000;
const firstRetryMs = 1_000;

/** Throws a TypedError where the name means nothing or its key is missing. */
export function createModel(parts: {
  name: string;
  meta: SessionMeta;
  environment: NodeJS.ProcessEnv;
  now: () => number;
}): Model {
  const { name, meta, environment, now } = parts;
  if (name === rehearsalProvider || name.startsWith(`${rehearsalProvider}/`)) {
    return createRehearsal();
  }
  const chosen = chooseProvider(name, meta.providers, environment);
  return createLanguageModel({
    chosen,
    contextWindow: meta.contextWindow ?? contextWindowOf(name),
    timing: { idleMs: meta.limits?.idleTimeoutMs ?? defaultIdleMs, firstRetryMs },
    now,
  });
}
