/**
 * Lends the editor's chat models (Copilot's, and those of other extensions) to the built-in agent, as
 * `vscode/<vendor>/<family>`. The person must agree once; the editor itself asks again before the
 * first use of each model.
 */
import { lm, window, type ExtensionContext, type LanguageModelChat } from "vscode";
import type { ModelQuestion, OfferedModel } from "../../protocol/models.ts";
import { registerCommand } from "../editor/commands.ts";
import type { Services } from "../editor/services.ts";
import { askModel } from "./askModel.ts";

const consentKey = "offshoot.lendsModels";

function hasConsent({ globalState }: Pick<ExtensionContext, "globalState">): boolean {
  return globalState.get<boolean>(consentKey) === true;
}

/** The models that sub-agents may use, and whether the person could lend more. */
export async function editorModels(context: Pick<ExtensionContext, "globalState">) {
  const models = await lm.selectChatModels();
  const isLent = hasConsent(context);
  return { offered: isLent ? offered(models) : [], canLend: !isLent && models.length > 0 };
}

export function addEditorModels(services: Services): void {
  const { context, client, log, start } = services;

  /** Offers the present models to the daemon; none where the person does not lend them. */
  async function offer(): Promise<void> {
    if (client.state.kind !== "connected") return;
    await client.call("model/offer", { models: (await editorModels(context)).offered });
  }

  const offerSoon = () =>
    void offer().catch((error: unknown) => log.warn(`the editor's models: ${String(error)}`));

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

  client.onRequest("model/complete", async (params, token) => {
    const question = params as ModelQuestion;
    const models = hasConsent(context) ? await lm.selectChatModels() : [];
    const model = models.find((candidate) => idOf(candidate) === question.model);
    if (model === undefined) throw new Error(`the editor has no model ${question.model} any more`);
    return await askModel(
      model,
      question,
      (part) => client.notify("model/part", { requestId: question.requestId, part }),
      token,
    );
  });
  context.subscriptions.push(
    client.onConnected(offerSoon),
    lm.onDidChangeChatModels(offerSoon),
    registerCommand(services, "lendModels", lend),
    registerCommand(services, "takeBackModels", takeBack),
  );
}

/** One model for each family; the editor lists the newest version first. */
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
