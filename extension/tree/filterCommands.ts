/** The commands that choose what the view shows, and in which order. */
import { window } from "vscode";
import { registerCommand } from "../editor/commands.ts";
import { showInputBox } from "../editor/inputBox.ts";
import type { Services } from "../editor/services.ts";
import type { OptionsStore } from "./optionsStore.ts";
import { scopes, sortOrders, stateGroups } from "./treeOptions.ts";

export function addFilterCommands(
  services: Services,
  options: OptionsStore,
  showOlder: (rowId?: string) => Promise<void>,
): void {
  const add = (name: string, action: (rowId?: string) => Promise<void>) =>
    services.context.subscriptions.push(registerCommand(services, name, action));

  /** The rows follow while a person types; Escape restores the text before. */
  async function filterByText(): Promise<void> {
    const before = options.current.text;
    const accepted = await showInputBox<true>((box, close) => {
      box.title = "Show sub-agents with this text";
      box.placeholder = "in title, agent, model, folder or id";
      box.value = before;
      box.onDidChangeValue((text) => options.change({ text: text.trim() }));
      box.onDidAccept(() => close(true));
    });
    if (!accepted && options.current.text !== before) options.change({ text: before });
  }

  async function filterByState(): Promise<void> {
    const choices = choicesOf(stateGroups).map((choice) => ({
      ...choice,
      picked: options.current.states.includes(choice.value),
    }));
    const title = "Show sub-agents in these states";
    const picked = await window.showQuickPick(choices, { title, canPickMany: true });
    if (picked === undefined) return;
    const isAll = picked.length === choices.length;
    options.change({ states: isAll ? [] : picked.map(({ value }) => value) });
  }

  add("filter", filterByText);
  add("filterByState", filterByState);
  add("clearFilter", async () => options.change({ text: "", states: [] }));
  add("scope", async () => {
    const scope = await choose(scopes, options.current.scope, "Which sub-agents to show");
    if (scope !== undefined) options.change({ scope });
  });
  add("showAll", async () => options.change({ scope: "all" }));
  add("sort", async () => {
    const sort = await choose(sortOrders, options.current.sort, "Order of the sub-agents");
    if (sort !== undefined) options.change({ sort });
  });
  add("showOlder", showOlder);
}

async function choose<Value extends string>(
  labels: Readonly<Record<Value, string>>,
  current: Value,
  title: string,
): Promise<Value | undefined> {
  return (await window.showQuickPick(choicesOf(labels, current), { title }))?.value;
}

/** The choices; the current one is first and marked. */
function choicesOf<Value extends string>(labels: Readonly<Record<Value, string>>, current?: Value) {
  const choices = (Object.keys(labels) as Value[]).map((value) => ({
    value,
    label: labels[value],
    ...(value === current && { description: "current" }),
  }));
  return choices.toSorted((a, b) => Number(b.value === current) - Number(a.value === current));
}
