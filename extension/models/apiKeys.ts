/** The commands for API keys. The keys are sent to the daemon, which keeps them in memory only. */
import { window } from "vscode";
import { registerCommand } from "../editor/commands.ts";
import type { Services } from "../editor/services.ts";
import { apiKeysFor, onDidChangeApiKeys, storeApiKey } from "./storedKeys.ts";

/** The providers that the daemon knows without configuration and that need a key. */
const knownProviders = [
  { label: "anthropic", description: "Claude models" },
  { label: "openai", description: "GPT models" },
  { label: "google", description: "Gemini models" },
  { label: "openrouter", description: "many models behind one key" },
];

export function addApiKeys(services: Services): void {
  const { context, client, log, start } = services;
  const { secrets } = context;

  async function send(): Promise<void> {
    const apiKeys = await apiKeysFor(secrets);
    if (Object.keys(apiKeys).length > 0) await client.call("daemon/setApiKeys", { apiKeys });
  }

  const sendSoon = () =>
    void send().catch((error: unknown) => log.error(`the API keys: ${String(error)}`));

  async function setKey(): Promise<void> {
    const provider = await pickProvider(Object.keys(await apiKeysFor(secrets)));
    if (provider === undefined) return;
    const key = await window.showInputBox({
      title: `API key for ${provider}`,
      prompt: "It is kept in the editor's secret storage and never written to a file.",
      password: true,
      ignoreFocusOut: true,
      validateInput: (text) => (text.trim() === "" ? "Paste the key here." : undefined),
    });
    if (key === undefined) return;
    await storeApiKey(secrets, provider, key.trim());
    void window.showInformationMessage(`The key for ${provider} is stored.`);
  }

  async function forgetKey(): Promise<void> {
    const providers = Object.keys(await apiKeysFor(secrets));
    if (providers.length === 0) {
      void window.showInformationMessage("No API key is stored.");
      return;
    }
    const provider = await window.showQuickPick(providers, { title: "Forget which API key?" });
    if (provider === undefined) return;
    await storeApiKey(secrets, provider, undefined);
    // The daemon may outlive this window, and keeps a key until it is asked to forget it.
    await start();
    await client.call("daemon/setApiKeys", { apiKeys: { [provider]: null } });
    void window.showInformationMessage(`The key for ${provider} is forgotten.`);
  }

  context.subscriptions.push(
    client.onConnected(sendSoon),
    onDidChangeApiKeys(secrets, () => {
      if (client.state.kind === "connected") sendSoon();
    }),
    registerCommand(services, "setApiKey", setKey),
    registerCommand(services, "forgetApiKey", forgetKey),
  );
}

async function pickProvider(stored: readonly string[]): Promise<string | undefined> {
  const others = stored.filter((name) => !knownProviders.some(({ label }) => label === name));
  const known = [...knownProviders, ...others.map((label) => ({ label, description: "" }))];
  const another = { label: "Another provider…", description: "from the setting “providers”" };
  const items = known.map(({ label, description }) => ({
    label,
    description: stored.includes(label) ? `${description} (has a key)`.trim() : description,
  }));
  const picked = await window.showQuickPick([...items, another], {
    title: "API key for which provider?",
  });
  if (picked?.label !== another.label) return picked?.label;
  const name = await window.showInputBox({
    title: "Name of the provider",
    prompt: "The part before the slash in the name of a model.",
    validateInput: (text) => (/^[\w.-]+$/.test(text.trim()) ? undefined : "One word."),
  });
  return name?.trim();
}
