/** Commands that rename and delete: rename, delete, clear finished. */
import { window } from "vscode";
import type { Session } from "../../protocol/session.ts";
import { ableOf, commandAdder, forAll, isConfirmed, type CommandServices } from "./commandSet.ts";
import { confirmClear, confirmDelete, finishedIn, topmost } from "./confirmations.ts";

const longestTitle = 200;

export function addRemoveCommands(services: CommandServices): void {
  const { client, model } = services;
  const { visible } = services.view;
  const add = commandAdder(services);
  const deleteAll = (sessions: readonly Session[]) =>
    forAll(sessions, ({ id }) => client.call("session/delete", { sessionId: id }));

  add("rename", async (sessions) => {
    const [session] = ableOf(sessions, "rename", visible);
    if (session === undefined) return;
    const title = await window.showInputBox({
      title: "Title of the sub-agent",
      value: session.title,
      validateInput: (text) =>
        text.trim() === "" || text.trim().length > longestTitle
          ? `Between 1 and ${longestTitle} characters.`
          : undefined,
    });
    if (title === undefined || title.trim() === session.title) return;
    await client.call("session/rename", { sessionId: session.id, title: title.trim() });
  });
  add("delete", async (sessions) => {
    const able = topmost(ableOf(sessions, "delete", visible), model);
    if (await isConfirmed(confirmDelete(able, model))) await deleteAll(able);
  });
  add("clearFinished", async () => {
    const finished = finishedIn(visible.inScope(), model);
    if (finished.length === 0) throw new Error("nothing here is finished");
    if (!(await isConfirmed(confirmClear(finished, model)))) return;
    // A session that was run again meanwhile stays.
    await deleteAll(finishedIn(finished, model));
  });
}
