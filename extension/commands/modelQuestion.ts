/** Which model the built-in agent is to use, where nothing has named one. */
import { commands, QuickPickItemKind, window, type QuickPickItem } from "vscode";
import type { AgentInfo } from "../../protocol/daemon.ts";
import type { OfferedModel } from "../../protocol/models.ts";

export interface ModelChoices {
  /** The one of the settings, which cannot be used as it is: its key is missing, for instance. */
  preset: string | undefined;
  /** The last one that was chosen here. */
  last: string | undefined;
  /** What the editor lends; its ids are without `vscode/`. */
  offered: readonly OfferedModel[];
  /** Whether the editor has models that it does not lend. */
  canLend: boolean;
}

interface ModelItem extends QuickPickItem {
  model?: string;
  /** A command that leads to other choices, and what it gets. */
  command?: readonly [name: string, ...given: string[]];
}

/** It runs on a model, and neither it nor the configuration names one. */
export function needsModel({ runner, model, available }: AgentInfo): boolean {
  return runner === "model" && model === undefined && !available;
}

/** As `provider/model`; undefined where nobody wants to any more. `look` is asked each time. */
export async function askForModel(
  title: string,
  look: () => Promise<ModelChoices>,
): Promise<string | undefined> {
  for (;;) {
    const choices = await look();
    const items = modelItems(choices);
    const picked = await window.showQuickPick(items, { title, placeHolder: "Choose a model" });
    if (picked === undefined || picked.model !== undefined) return picked?.model;
    if (picked.command !== undefined) await commands.executeCommand(...picked.command);
    else {
      const typed = await typeModel(title);
      if (typed !== undefined) return typed;
    }
    // The settings are an editor of their own, for which a pick would be in the way.
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
  const named = [
    ...(preset === undefined ? [] : [{ label: preset, description: "from the settings" }]),
    ...(last === undefined || last === preset || last === rehearsalItem.model
      ? []
      : [{ label: last, description: "as the last time" }]),
  ];
  const items = named
    .map((item) => ({ ...item, model: item.label }))
    .filter(({ model }) => lent.every((one) => one.model !== model));
  // The last one first, also where the editor lends it.
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
