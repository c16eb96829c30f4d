/** Tells a person of what has happened: once for each transition, in one of the windows. */
import { join } from "node:path";
import { commands, window, workspace, type Disposable } from "vscode";
import type { ApprovalInbox } from "../approvals/approvals.ts";
import { errorKind } from "../approvals/lateAnswer.ts";
import { withoutLinks } from "../base/text.ts";
import type { ExtensionParts } from "../editor/services.ts";
import { isWithin } from "../tree/treeOptions.ts";
import { createClaims, patienceMs } from "./claims.ts";
import {
  isWanted,
  newsOfApproval,
  newsOfCompletion,
  newsOfSession,
  noticesOf,
  type News,
  type Notice,
} from "./news.ts";
import { notificationLevel } from "../editor/settings.ts";

/** What happens within this time, such as the ends of a cancelled tree, is told together. */
const gatherMs = 250;

export function addNotifications(parts: ExtensionParts, inbox: ApprovalInbox): Disposable[] {
  const { client, context, model, log, realPaths } = parts;
  const claim = createClaims(join(context.globalStorageUri.fsPath, "told"), Date.now);
  /** Gathered by the time that this window leaves to others. */
  const gathered = new Map<number, News[]>();
  const timers = new Set<NodeJS.Timeout>();

  function take(news: News | undefined): void {
    if (news === undefined || !isWanted(levelNow(), news)) return;
    const folder = model.get(news.sessionId)?.cwd;
    const hasFolder = folder !== undefined && isWithin(folder, workspacePaths(), realPaths);
    const waitMs = patienceMs({ isFocused: window.state.focused, hasFolder });
    const together = gathered.get(waitMs);
    if (together !== undefined) return void together.push(news);
    gathered.set(waitMs, [news]);
    const timer = setTimeout(() => {
      timers.delete(timer);
      const found = gathered.get(waitMs) ?? [];
      gathered.delete(waitMs);
      tell(found).catch((error: unknown) => log.error(`notification: ${String(error)}`));
    }, gatherMs + waitMs);
    timers.add(timer);
  }

  async function tell(gatheredNews: readonly News[]): Promise<void> {
    const ours: News[] = [];
    for (const news of gatheredNews) {
      const isOver = news.approvalId !== undefined && inbox.get(news.approvalId) === undefined;
      if (!isOver && (await claim(news.key))) ours.push(news);
    }
    for (const notice of noticesOf(ours)) {
      show(notice).catch((error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        log.error(`notification: ${message} (${errorKind(error) ?? "unknown"})`);
        void window.showErrorMessage(withoutLinks(`Offshoot: ${message}`));
      });
    }
  }

  async function show({ news, text }: Notice): Promise<void> {
    const [first] = news;
    if (first === undefined) return;
    if (news.length > 1) return await showSummary(first, text);
    if (first.approvalId !== undefined) return await showApproval(first.approvalId, text);
    const isBad = first.about !== "finished";
    const buttons = [buttonFor(first), "Show"];
    const pressed = isBad
      ? await window.showWarningMessage(text, ...buttons)
      : await window.showInformationMessage(text, ...buttons);
    if (pressed === undefined) return;
    const name = buttonCommands[pressed];
    if (name === undefined) return await showView("offshoot.sessions");
    await commands.executeCommand(`offshoot.view.${name}`, first.sessionId);
  }

  async function showSummary({ about }: News, text: string): Promise<void> {
    const isGood = about === "finished";
    const pressed = isGood
      ? await window.showInformationMessage(text, "Show")
      : await window.showWarningMessage(text, "Show");
    if (pressed === undefined) return;
    await showView(about === "approval" ? "offshoot.approvals" : "offshoot.sessions");
  }

  async function showApproval(id: string, text: string): Promise<void> {
    const approval = inbox.get(id);
    if (approval === undefined) return;
    const always = approval.always === undefined ? [] : ["Always Allow…"];
    // What is pressed without thinking shows: a notification has no room for a change.
    const answers = ["Allow Once", ...always, "Deny"];
    // A window that is not trusted looks, and answers nothing.
    const buttons = ["Show", ...(workspace.isTrusted ? answers : [])];
    const pressed = await window.showWarningMessage(text, ...buttons);
    switch (pressed) {
      case "Allow Once":
        return await inbox.answer(id, { decision: "allowOnce" });
      case "Deny":
        return await inbox.answer(id, { decision: "denyOnce" });
      case "Always Allow…":
        return await commands.executeCommand("offshoot.view.allowAlways", id);
      case "Show":
        return await commands.executeCommand("offshoot.view.openApproval", id);
      case undefined:
        return;
    }
  }

  return [
    inbox.onDidChange(({ added }) => {
      for (const approval of added) take(newsOfApproval(approval));
    }),
    client.on("session/changed", ({ session }) => take(newsOfSession(session))),
    client.on("subAgent/completed", (completion) =>
      take(newsOfCompletion(completion, model.get(completion.childSessionId))),
    ),
    { dispose: () => timers.forEach(clearTimeout) },
  ];
}

const buttonCommands: Readonly<Record<string, string>> = {
  "Send a Message": "send",
  "Run Again": "retry",
  "Open the Result": "openResult",
};

function buttonFor({ about, together }: News): string {
  if (about === "input") return "Send a Message";
  return together === undefined ? "Open the Result" : "Run Again";
}

function levelNow() {
  return notificationLevel(workspace.getConfiguration("offshoot"));
}

function workspacePaths(): string[] {
  return (workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
}

async function showView(view: string): Promise<void> {
  await commands.executeCommand(`${view}.focus`);
}
