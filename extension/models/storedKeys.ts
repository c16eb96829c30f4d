/** API keys of model providers, in the editor's secret storage and nowhere else. */
import type { Disposable, SecretStorage } from "vscode";

/** All keys are stored as one secret, because the editor cannot list the names of secrets. */
const secretName = "offshoot.apiKeys";

/** The keys by the name of their provider, such as `anthropic`. */
export async function apiKeysFor(secrets: SecretStorage): Promise<Record<string, string>> {
  const text = await secrets.get(secretName);
  if (text === undefined) return {};
  try {
    const entries = Object.entries(JSON.parse(text) as object);
    return Object.fromEntries(entries.filter(([, key]) => typeof key === "string"));
  } catch {
    return {};
  }
}

/** Stores the key of a provider; undefined removes it. */
export async function storeApiKey(
  secrets: SecretStorage,
  provider: string,
  key: string | undefined,
): Promise<void> {
  const { [provider]: _before, ...others } = await apiKeysFor(secrets);
  const keys = key === undefined ? others : { ...others, [provider]: key };
  if (Object.keys(keys).length === 0) await secrets.delete(secretName);
  else await secrets.store(secretName, JSON.stringify(keys));
}

/** Calls the handler when a key was stored or forgotten, in any window. */
export function onDidChangeApiKeys(secrets: SecretStorage, handler: () => void): Disposable {
  return secrets.onDidChange(({ key }) => {
    if (key === secretName) handler();
  });
}
