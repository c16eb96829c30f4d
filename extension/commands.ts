/** The commands of the palette and of the rows. */
import { commands, window, workspace, type TreeView } from "vscode";
import { isTerminal } from "../protocol/session.ts";
import type { ExtensionParts } from "./parts.ts";

export function addCommands(parts: ExtensionParts, view: TreeView<string>): void {
  const { context, client, model, log, start } = parts;

  /** The rows that a command is for: those that are selected, or the one that was clicked. */
  function chosen(clicked: string | undefined, selected: readonly string[] | undefined): string[] {
    if (selected !== undefined && selected.length > 0) return [...selected];
    return clicked === undefined ? [...view.selection] : [clicked];
  }

  function add(name: string, action: (clicked?: string, selected?: string[]) => Promise<void>) {
    const run = async (clicked?: string, selected?: string[]) => {
      try {
        await start();
        await action(clicked, selected);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        log.error(`${name}: ${message}`);
        void window.showErrorMessage(`Offshoot: ${message}`);
      }
    };
    context.subscriptions.push(commands.registerCommand(`offshoot.view.${name}`, run));
  }

  async function spawn(parentId: string | undefined): Promise<void> {
    const folder = workspace.workspaceFolders?.[0]?.uri.fsPath;
    const { agents } = await client.call("agent/list", folder === undefined ? {} : { cwd: folder });
    const picked = await window.showQuickPick(
      agents.map(({ name, description, available, reason = "", source }) => ({
        label: name,
        description: available ? source : `not available: ${reason}`,
        detail: description,
        available,
      })),
      { title: "Spawn a sub-agent: which agent?" },
    );
    if (picked === undefined) return;
    if (!picked.available) throw new Error(`${picked.label} is ${picked.description}`);
    const prompt = await window.showInputBox({ title: `What should ${picked.label} do?` });
    if (prompt === undefined || prompt === "") return;
    await client.call("session/spawn", {
      prompt,
      agent: picked.label,
      ...(parentId !== undefined ? { parentId } : folder !== undefined && { cwd: folder }),
    });
    await commands.executeCommand("offshoot.sessions.focus");
  }

  add("spawn", () => spawn(undefined));
  add("spawnChild", (clicked) => spawn(clicked ?? view.selection[0]));
  add("cancel", async (clicked, selected) => {
    for (const sessionId of chosen(clicked, selected)) {
      await client.call("session/cancel", { sessionId });
    }
  });
  add("retry", async (clicked, selected) => {
    for (const sessionId of chosen(clicked, selected)) {
      await client.call("session/run", { sessionId });
    }
  });
  add("send", async (clicked) => {
    const sessionId = clicked ?? view.selection[0];
    if (sessionId === undefined) return;
    const text = await window.showInputBox({ title: "Message" });
    if (text) await client.call("session/send", { sessionId, text });
  });
  add("openResult", async (clicked) => {
    const session = model.get(clicked ?? view.selection[0] ?? "");
    if (session === undefined || !isTerminal(session)) return;
    const content = session.result ?? session.error?.message ?? "";
    await window.showTextDocument(await workspace.openTextDocument({ content }), { preview: true });
  });
  add("showLog", async () => log.show());
  add("restart", () => client.restart());
}
