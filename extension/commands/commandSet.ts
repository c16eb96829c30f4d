/** How commands are registered: what they are for, and what becomes of their errors. */
import { commands, window, type TreeView } from "vscode";
import type { Session } from "../../protocol/session.ts";
import type { ExtensionParts } from "../editor/services.ts";
import type { VisibleSessions } from "../tree/visibleSessions.ts";
import { oneLine } from "../sessions/sessionWords.ts";
import { abilitiesOf, type Ability } from "../sessions/abilities.ts";

export interface CommandParts extends ExtensionParts {
  view: TreeView<string>;
  visible: VisibleSessions;
  /** Selects a session's row and brings it into sight. */
  reveal(sessionId: string): Promise<void>;
}

/** Registers `offshoot.view.<name>` for the rows that are selected, or the one that was clicked. */
export type AddCommand = (name: string, action: (sessions: Session[]) => Promise<void>) => void;

export function commandAdder({
  context,
  client,
  model,
  view,
  log,
  start,
}: CommandParts): AddCommand {
  return (name, action) => {
    const run = async (clicked?: unknown, selected?: unknown) => {
      try {
        await start();
        const ids = chosenIds(view.selection, clicked, selected);
        await action(ids.flatMap((id) => model.get(id) ?? []));
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        log.error(`${name}: ${message}`);
        // That the daemon is gone is said once, by who found out.
        if (client.state.kind === "gone") return;
        void window.showErrorMessage(`Offshoot: ${message}`);
      }
    };
    context.subscriptions.push(commands.registerCommand(`offshoot.view.${name}`, run));
  };
}

/** Menus hand over the clicked row and, where it is one of several, the selected ones. */
export function chosenIds(
  selection: readonly string[],
  clicked: unknown,
  selected: unknown,
): readonly string[] {
  if (Array.isArray(selected) && selected.length > 0) {
    return selected.filter((id) => typeof id === "string");
  }
  return typeof clicked === "string" ? [clicked] : selection;
}

/** Those that can, of those that are chosen; throws where there is none, with the reason. */
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

/** Does it with all of them at once; throws what went wrong with any, after all are done. */
export async function forAll(
  sessions: readonly Session[],
  action: (session: Session) => Promise<unknown>,
): Promise<void> {
  const results = await Promise.allSettled(sessions.map(action));
  const reasons = results.flatMap((one) => (one.status === "rejected" ? [reasonOf(one)] : []));
  const [first, ...others] = reasons;
  if (first === undefined) return;
  throw new Error(others.length > 0 ? `${first} (and ${others.length} more)` : first);
}

function reasonOf({ reason }: PromiseRejectedResult): string {
  return reason instanceof Error ? reason.message : String(reason);
}
