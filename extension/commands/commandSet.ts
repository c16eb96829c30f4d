/** How the commands for sessions are registered, and for which sessions they are. */
import { window } from "vscode";
import type { Session } from "../../protocol/session.ts";
import { messageOf } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";
import { registerCommand } from "../editor/commands.ts";
import type { Services } from "../editor/services.ts";
import { abilitiesOf, type Ability } from "../sessions/abilities.ts";
import type { SessionView } from "../tree/sessionView.ts";
import type { VisibleSessions } from "../tree/visibleSessions.ts";
import type { Confirmation } from "./confirmations.ts";

export interface CommandServices extends Services {
  view: SessionView;
}

/** Returns what registers `offshoot.view.<name>` for the clicked row or the selected ones. */
export function commandAdder(services: CommandServices) {
  const { context, model, view, start } = services;
  return (name: string, action: (sessions: Session[]) => Promise<void>) => {
    const run = async (clicked?: unknown, selected?: unknown) => {
      await start();
      const ids = chosenIds(view.tree.selection, clicked, selected);
      await action(ids.flatMap((id) => model.get(id) ?? []));
    };
    context.subscriptions.push(registerCommand(services, name, run));
  };
}

/** Menus pass the clicked row and, where it is one of several selected rows, all of those. */
function chosenIds(
  selection: readonly string[],
  clicked: unknown,
  selected: unknown,
): readonly string[] {
  if (Array.isArray(selected) && selected.length > 0) {
    return selected.filter((id) => typeof id === "string");
  }
  return typeof clicked === "string" ? [clicked] : selection;
}

/** The chosen sessions with this ability; throws with the reason where there is none. */
export function ableOf(
  sessions: readonly Session[],
  ability: Ability,
  visible: VisibleSessions,
): Session[] {
  const able = sessions.filter((one) => abilitiesOf(one, visible.below(one.id)).includes(ability));
  if (able.length > 0) return able;
  const [first] = sessions;
  if (first === undefined) throw new Error("select a sub-agent first");
  const isAdopted = first.adopted === true ? ", and part of its parent's run" : "";
  const name = oneLine(first.title, 60);
  throw new Error(`that cannot be done with “${name}”: it is ${first.status}${isAdopted}`);
}

/** Asks the person; true also where nothing has to be asked. */
export async function isConfirmed(confirmation: Confirmation | undefined): Promise<boolean> {
  if (confirmation === undefined) return true;
  const { message, detail, button, dismiss } = confirmation;
  const items = [
    { title: button },
    ...(dismiss === undefined ? [] : [{ title: dismiss, isCloseAffordance: true }]),
  ];
  const answer = await window.showWarningMessage(message, { modal: true, detail }, ...items);
  return answer?.title === button;
}

/** Runs the action for all sessions at once; throws after the last one if any has failed. */
export async function forAll(
  sessions: readonly Session[],
  action: (session: Session) => Promise<unknown>,
): Promise<void> {
  const results = await Promise.allSettled(sessions.map(action));
  const failed = results.filter((one) => one.status === "rejected");
  const [first, ...others] = failed.map(({ reason }) => messageOf(reason));
  if (first === undefined) return;
  throw new Error(others.length > 0 ? `${first} (and ${others.length} more)` : first);
}
