/** Asks for the model of the built-in agent, where no agent or setting names one. */
import { commands, QuickPickItemKind, window, type QuickPickItem } from "vscode";
import type { AgentInfo } from "../../protocol/daemon.ts";
import type { OfferedModel } from "../../protocol/models.ts";

export interface ModelChoices {
  /** The model in the settings. It cannot be used now, for instance because its key is missing. */
  preset: string | undefined;
  last: string | undefined;
  /** The models that the editor lends; their ids lack `vscode/`. */
  offered: readonly OfferedModel[];
  /** Whether the editor has models that the person does not lend. */
  canLend: boolean;
}

interface ModelItem extends QuickPickItem {
  model?: string;
  command?: readonly [name: string, ...given: string[]];
}

/** Whether the agent runs on a model, and neither the agent nor the configuration names one. */
export function needsModel({ runner, model, available }: AgentInfo): boolean {
  return runner === "model" && model === undefined && !available;
}

/** Resolves with `provider/model`, or with undefined where the person gives up. */
export async function askForModel(
  title: string,
  readChoices: () => Promise<ModelChoices>,
): Promise<string | undefined> {
  for (;;) {
    const items = modelItems(await readChoices());
    const picked = await window.showQuickPick(items, { title, placeHolder: "Choose a model" });
    if (picked === undefined || picked.model !== undefined) return picked?.model;
    if (picked.command !== undefined) await commands.executeCommand(...picked.command);
    else {
      const typed = await typeModel(title);
      if (typed !== undefined) return typed;
    }
    // The settings open in an editor, which a further pick would cover.
    if (picked.command === settings) return undefined;
  }
}

const settings = ["workbench.action.openSettings", "offshoot.defaultModel"] as const;

function modelItems({ preset, last, offered, canLend }: ModelChoices): ModelItem[] {
  const lent = offered.map(({ id, name }) => ({
    label: name ?? id,
    description: `vscode/${id}`,
    model: `vscode/${id}`,
  }));
  const named = new Map([
    [last, "as the last time"],
    [preset, "from the settings"],
  ]);
  const items = [...named].flatMap(([model, description]) => {
    const isKnown = [rehearsalItem, ...lent].some((one) => one.model === model);
    return model === undefined || isKnown ? [] : [{ label: model, description, model }];
  });
  // The model that was chosen last is first, also where the editor lends it.
  const sorted = [...items, ...lent].toSorted(
    (one, other) => Number(other.model === last) - Number(one.model === last),
  );
  return [
    ...sorted,
    ...(sorted.length > 0 ? [{ label: "", kind: QuickPickItemKind.Separator }] : []),
    { label: "$(edit) Another Model…", description: "such as anthropic/claude-sonnet-5" },
    ...(canLend ? [lendItem] : []),
    rehearsalItem,
    { label: "$(key) Set an API Key…", command: ["offshoot.view.setApiKey"] },
    { label: "$(settings-gear) Choose One for Always…", command: settings },
  ];
}

const lendItem: ModelItem = {
  label: "$(sparkle) Use the Editor's Models…",
  command: ["offshoot.view.lendModels"],
};

const rehearsalItem: ModelItem = {
  label: "$(beaker) Rehearsal",
  description: "fixed plans with the real tools; no language model, no key",
  model: "rehearsal/planner",
};

async function typeModel(title: string): Promise<string | undefined> {
  const typed = await window.showInputBox({
    title,
    prompt: "Provider and model. Its key comes from the environment, or from “Set an API Key”.",
    placeHolder: "anthropic/claude-sonnet-5",
    ignoreFocusOut: true,
    validateInput: (text) =>
      text.trim() === "" || isModel(text) ? undefined : "Write it as provider/model.",
  });
  return typed !== undefined && isModel(typed) ? typed.trim() : undefined;
}

export function isModel(text: string): boolean {
  return /^[^\s/]+\/\S+$/.test(text.trim());
}
