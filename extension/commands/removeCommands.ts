/** Commands that change what is kept: rename, delete, clear finished. */
import { window } from "vscode";
import { ableOf, commandAdder, forAll, type CommandParts } from "./commandSet.ts";
import { confirmClear, confirmDelete, finishedIn, topmost } from "./confirmations.ts";
import { isConfirmed } from "./steerCommands.ts";

const longestTitle = 200;

export function addRemoveCommands(parts: CommandParts): void {
  const { client, model, visible } = parts;
  const add = commandAdder(parts);

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
    if (!(await isConfirmed(confirmDelete(able, model)))) return;
    await forAll(able, ({ id }) => client.call("session/delete", { sessionId: id }));
  });
  add("clearFinished", async () => {
    const finished = finishedIn(visible.inScope(), model);
    if (finished.length === 0) throw new Error("nothing here is finished");
    if (!(await isConfirmed(confirmClear(finished, model)))) return;
    // What has been run again meanwhile is not finished any more.
    const still = finishedIn(finished, model);
    await forAll(still, ({ id }) => client.call("session/delete", { sessionId: id }));
  });
}
