/** Creates the model of a prompt by its name. */
import type { SessionMeta } from "../contract/meta.ts";
import { createRehearsal } from "../rehearsal/rehearsal.ts";
import { contextWindowOf } from "./contextWindow.ts";
import { createEditorModel, editorProvider, type AskEditor } from "./editorModel.ts";
import { createLanguageModel } from "./languageModel.ts";
import type { Model } from "./model.ts";
import { chooseProvider } from "../contract/providers.ts";

export const rehearsalProvider = "rehearsal";

const defaultIdleMs = 300_000;

/** Throws a TypedError where the name is unknown or the key of its provider is missing. */
export function createModel(parts: {
  name: string;
  meta: SessionMeta;
  environment: NodeJS.ProcessEnv;
  askEditor: AskEditor;
}): Model {
  const { name, meta, environment, askEditor } = parts;
  if (name === rehearsalProvider || name.startsWith(`${rehearsalProvider}/`)) {
    return createRehearsal();
  }
  const contextWindow = meta.contextWindow ?? contextWindowOf(name);
  if (name.startsWith(`${editorProvider}/`)) {
    const modelId = name.slice(editorProvider.length + 1);
    return createEditorModel({ modelId, contextWindow, ask: askEditor });
  }
  const chosen = chooseProvider(name, meta.providers, { environment, given: meta.apiKey });
  return createLanguageModel({
    chosen,
    contextWindow,
    idleMs: meta.limits?.idleTimeoutMs ?? defaultIdleMs,
  });
}
