/**
 * The editor's chat models (Copilot's, and those of other extensions) for the built-in agent, as
 * `vscode/<vendor>/<family>`. They are offered only after the person has said so once; the editor
 * itself asks again before the first use of each.
 */
import { commands, lm, window, type ExtensionContext, type LanguageModelChat } from "vscode";
import type { ModelQuestion, OfferedModel } from "../../protocol/models.ts";
import type { ExtensionParts } from "../editor/services.ts";
import { askModel } from "./askModel.ts";

const consentKey = "offshoot.lendsModels";

/** What sub-agents may use of it, and whether there is more that they may not. */
export async function editorModels({ globalState }: Pick<ExtensionContext, "globalState">) {
  const models = await lm.selectChatModels();
  const hasConsent = globalState.get<boolean>(consentKey) === true;
  return { offered: hasConsent ? offered(models) : [], canLend: !hasConsent && models.length > 0 };
}

export function addEditorModels({ context, client, log, start }: ExtensionParts): void {
  const hasConsent = () => context.globalState.get<boolean>(consentKey) === true;

  /** Offers what there is now, or takes everything back. */
  async function offer(): Promise<void> {
    if (client.state.kind !== "connected") return;
    const models = hasConsent() ? offered(await lm.selectChatModels()) : [];
    await client.call("model/offer", { models });
  }

  const offerQuietly = () =>
    void offer().catch((error: unknown) => log.warn(`the editor's models: ${String(error)}`));

  client.onRequest("model/complete", async (params, token) => {
    const question = params as ModelQuestion;
    const models = hasConsent() ? await lm.selectChatModels() : [];
    const model = models.find((candidate) => idOf(candidate) === question.model);
    if (model === undefined) throw new Error(`the editor has no model ${question.model} any more`);
    return await askModel(
      model,
      question,
      (part) => client.notify("model/part", { requestId: question.requestId, part }),
      token,
    );
  });

  async function lend(): Promise<void> {
    const models = await lm.selectChatModels();
    if (models.length === 0) {
      void window.showInformationMessage(
        "This editor has no chat models. Install an extension that brings some, such as GitHub Copilot.",
      );
      return;
    }
    const names = models.map(({ name }) => name).join(", ");
    const yes = "Use Them";
    const chosen = await window.showInformationMessage(
      "Let sub-agents use the editor's chat models?",
      { modal: true, detail: `${names}. They count against your plan with their vendors.` },
      yes,
    );
    if (chosen !== yes) return;
    await context.globalState.update(consentKey, true);
    await start();
    await offer();
    const example = offered(models)[0]?.id ?? "";
    void window.showInformationMessage(
      `Sub-agents can use them now: spawn the agent “model”, and choose one such as vscode/${example}.`,
    );
  }

  async function takeBack(): Promise<void> {
    await context.globalState.update(consentKey, false);
    await offer();
    void window.showInformationMessage("Sub-agents no longer use the editor's models.");
  }

  const add = (name: string, action: () => Promise<void>) =>
    commands.registerCommand(`offshoot.view.${name}`, async () => {
      try {
        await action();
      } catch (error) {
        log.error(`${name}: ${String(error)}`);
        void window.showErrorMessage(`Offshoot: ${String(error)}`);
      }
    });

  context.subscriptions.push(
    client.onConnected(offerQuietly),
    lm.onDidChangeChatModels(offerQuietly),
    add("lendModels", lend),
    add("takeBackModels", takeBack),
  );
}

/** One for each family; of several versions the editor lists the newest first. */
function offered(models: readonly LanguageModelChat[]): OfferedModel[] {
  const byId = new Map<string, OfferedModel>();
  for (const model of models) {
    const id = idOf(model);
    if (byId.has(id)) continue;
    byId.set(id, { id, name: model.name, maxInputTokens: Math.max(1, model.maxInputTokens) });
  }
  return [...byId.values()];
}

function idOf({ vendor, family }: LanguageModelChat): string {
  return `${vendor}/${family}`;
}
