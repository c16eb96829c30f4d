/** What the suites inside the extension host know of the extension, and of its core. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { commands, extensions, window, workspace, type Extension } from "vscode";
import type { Session } from "../../../protocol/session.ts";
import { waitFor } from "../../support/waitFor.ts";

export function extension(): Extension<unknown> {
  const found = extensions.getExtension("offshoot.offshoot");
  assert.ok(found, "the extension is not there");
  return found;
}

/** The packaged `offshoot` command on the host's own Node: another client of the same core. */
export async function offshoot(...args: string[]): Promise<string> {
  const program = join(extension().extensionPath, "dist", "offshoot.cjs");
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], {
    cwd: workspaceFolder(),
    env: { ...process.env, ELECTRON_RUN_AS_NODE: "1" },
  });
  return stdout;
}

export async function spawnedByCommandLine(prompt: string): Promise<string> {
  return (await offshoot("spawn", prompt)).trim();
}

export async function sessions(): Promise<Session[]> {
  return (JSON.parse(await offshoot("ls", "--json")) as { sessions: Session[] }).sessions;
}

/** Resolves with the session once the core says that it is in this state. */
export async function reached(id: string, status: Session["status"]): Promise<Session> {
  return await waitFor(
    async () => (await sessions()).find((one) => one.id === id && one.status === status),
    `${id} to be ${status}`,
    { describe: sessions },
  );
}

/**
 * The result, or the error, of a session as the extension knows it: what its command opens. That
 * opens nothing as long as the session runs for all that the extension knows.
 */
export async function openedResult(id: string): Promise<string> {
  assert.equal(window.activeTextEditor, undefined);
  const text = await waitFor(async () => {
    await commands.executeCommand("offshoot.view.openResult", id);
    return window.activeTextEditor?.document.getText();
  }, `the extension to open the result of ${id}`);
  while (window.activeTextEditor !== undefined) {
    // Closed without a question, whatever kind of document it is.
    await commands.executeCommand("workbench.action.revertAndCloseActiveEditor");
  }
  return text;
}

function workspaceFolder(): string {
  const [folder] = workspace.workspaceFolders ?? [];
  assert.ok(folder, "no folder is open");
  return folder.uri.fsPath;
}
