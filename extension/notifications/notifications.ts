/** Shows notifications: each transition once, in one of the windows. */
import { join } from "node:path";
import { commands, window, workspace } from "vscode";
import type { ApprovalInbox } from "../approvals/approvalInbox.ts";
import { showFailure } from "../editor/commands.ts";
import { workspacePaths } from "../editor/folders.ts";
import type { Services } from "../editor/services.ts";
import { notificationLevel } from "../editor/settings.ts";
import { claimDelayMs, createClaims } from "./claims.ts";
import {
  newsOfApproval,
  newsOfCompletion,
  newsOfSession,
  noticesOf,
  passesLevel,
  type News,
  type Notice,
} from "./news.ts";

/** News within this time, such as the ends of a cancelled tree, share a notification. */
const gatherMs = 250;

export function addNotifications(services: Services, inbox: ApprovalInbox): void {
  const { client, context, model, log, realPaths } = services;
  const claim = createClaims(join(context.globalStorageUri.fsPath, "told"), Date.now);
  /** By how long this window leaves them to others. */
  const gathered = new Map<number, News[]>();
  const timers = new Set<NodeJS.Timeout>();

  function take(news: News | undefined): void {
    const level = notificationLevel(workspace.getConfiguration("offshoot"));
    if (news === undefined || !passesLevel(level, news)) return;
    const folder = model.get(news.sessionId)?.cwd;
    const hasFolder = folder !== undefined && realPaths.isWithin(folder, workspacePaths());
    const waitMs = claimDelayMs({ isFocused: window.state.focused, hasFolder });
    const earlier = gathered.get(waitMs);
    if (earlier !== undefined) return void earlier.push(news);
    gathered.set(waitMs, [news]);
    const timer = setTimeout(() => {
      timers.delete(timer);
      const all = gathered.get(waitMs) ?? [];
      gathered.delete(waitMs);
      showAll(all).catch((error: unknown) => log.error(`notification: ${String(error)}`));
    }, gatherMs + waitMs);
    timers.add(timer);
  }

  async function showAll(all: readonly News[]): Promise<void> {
    const ours: News[] = [];
    for (const news of all) {
      const isAnswered =
        news.approvalId !== undefined && inbox.open.get(news.approvalId) === undefined;
      if (!isAnswered && (await claim(news.key))) ours.push(news);
    }
    for (const notice of noticesOf(ours)) {
      showNotice(notice, inbox).catch((error: unknown) =>
        showFailure(services, "notification", error),
      );
    }
  }

  context.subscriptions.push(
    inbox.open.onDidChange(({ added }) => {
      for (const approval of added) take(newsOfApproval(approval));
    }),
    client.on("session/changed", ({ session }) => take(newsOfSession(session))),
    client.on("subAgent/completed", (completion) =>
      take(newsOfCompletion(completion, model.get(completion.childSessionId))),
    ),
    { dispose: () => timers.forEach(clearTimeout) },
  );
}

async function showNotice({ news, text }: Notice, inbox: ApprovalInbox): Promise<void> {
  const [first, ...others] = news;
  if (first === undefined) return;
  const { about, approvalId, sessionId } = first;
  if (others.length === 0 && approvalId !== undefined) {
    return await showApproval(approvalId, text, inbox);
  }
  const buttons = [...(others.length === 0 ? [buttonFor(first)] : []), "Show"];
  const pressed =
    about === "finished"
      ? await window.showInformationMessage(text, ...buttons)
      : await window.showWarningMessage(text, ...buttons);
  if (pressed === undefined) return;
  const command = buttonCommands[pressed];
  if (command !== undefined) {
    await commands.executeCommand(`offshoot.view.${command}`, sessionId);
  } else {
    const view = about === "approval" ? "approvals" : "sessions";
    await commands.executeCommand(`offshoot.${view}.focus`);
  }
}

async function showApproval(id: string, text: string, inbox: ApprovalInbox): Promise<void> {
  const approval = inbox.open.get(id);
  if (approval === undefined) return;
  const always = approval.always === undefined ? [] : ["Always Allow…"];
  const answers = ["Allow Once", ...always, "Deny"];
  // "Show" is first, because a notification is too narrow to judge a change by. A window that is
  // not trusted cannot answer.
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

const buttonCommands: Readonly<Record<string, string>> = {
  "Send a Message": "send",
  "Run Again": "retry",
  "Open the Result": "openResult",
};

function buttonFor({ about, sharedEvent }: News): string {
  if (about === "input") return "Send a Message";
  return sharedEvent === undefined ? "Open the Result" : "Run Again";
}
