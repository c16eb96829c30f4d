/** API keys of model providers, in the editor's secret storage and nowhere else. */
import type { Disposable, SecretStorage } from "vscode";

/** All keys are stored as one secret, because the editor cannot list the names of secrets. */
const secretName = "offshoot.apiKeys";

export type ApiKeys = Record<string, string>;

/** The keys by the name of their provider, such as `anthropic`. */
export async function apiKeysFor(secrets: SecretStorage): Promise<ApiKeys> {
  const text = await secrets.get(secretName);
  if (text === undefined) return {};
  try {
    const entries = Object.entries(JSON.parse(text) as object);
    return Object.fromEntries(entries.filter(([, key]) => typeof key === "string"));
  } catch {
    return {};
  }
}

export async function storeApiKey(
  secrets: SecretStorage,
  provider: string,
  key: string,
): Promise<void> {
  const keys = await apiKeysFor(secrets);
  await secrets.store(secretName, JSON.stringify({ ...keys, [provider]: key }));
}

export async function forgetApiKey(secrets: SecretStorage, provider: string): Promise<void> {
  const { [provider]: _forgotten, ...others } = await apiKeysFor(secrets);
  if (Object.keys(others).length === 0) await secrets.delete(secretName);
  else await secrets.store(secretName, JSON.stringify(others));
}

/** Calls the handler when a key was stored or forgotten, in any window. */
export function onDidChangeApiKeys(secrets: SecretStorage, handler: () => void): Disposable {
  return secrets.onDidChange(({ key }) => {
    if (key === secretName) handler();
  });
}
