/** The commands of the inbox: from its rows, from the documents that it opens, from the palette. */
import { commands, Uri, window, type Disposable, type TreeView } from "vscode";
import type { Approval } from "../../protocol/approvals.ts";
import type { ExtensionParts } from "../editor/services.ts";
import { approvalIdIn } from "./approvalDocuments.ts";
import { oneLine } from "../sessions/sessionWords.ts";
import { approvalRow, exactLine, shortened } from "./approvalRow.ts";
import { manageApprovalRules } from "./approvalRules.ts";
import type { ApprovalInbox } from "./approvals.ts";
import { errorKind } from "./lateAnswer.ts";
import { withoutIcons, withoutLinks } from "../base/text.ts";

export function addApprovalCommands(
  { client, log, start }: ExtensionParts,
  inbox: ApprovalInbox,
  view: TreeView<string>,
): Disposable[] {
  /** The approvals that a command is for; asks where nothing says it. */
  async function meant(clicked: unknown, selected: unknown, verb: string): Promise<Approval[]> {
    const ids = idsIn(clicked, selected) ?? idsAtHand(view).filter((id) => inbox.get(id));
    if (ids.length > 0) return ids.flatMap((id) => inbox.get(id) ?? []);
    const picked = await window.showQuickPick(
      inbox.all().map((approval) => {
        const { label, description, icon } = approvalRow(approval);
        return { label: `$(${icon}) ${withoutIcons(label)}`, description, approval };
      }),
      { title: `${verb}: which one?`, placeHolder: "What waits for you", matchOnDescription: true },
    );
    return picked === undefined ? [] : [picked.approval];
  }

  function add(name: string, action: (clicked: unknown, selected: unknown) => Promise<void>) {
    return commands.registerCommand(
      `offshoot.view.${name}`,
      async (clicked: unknown, selected: unknown) => {
        try {
          await start();
          if (inbox.size === 0 && name !== "approvalRules") {
            void window.showInformationMessage("Offshoot: nothing waits for you.");
            return;
          }
          await action(clicked, selected);
        } catch (error) {
          sayFault(name, error);
        }
      },
    );
  }

  function sayFault(name: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    log.error(`${name}: ${message}`);
    const trust = "Manage Workspace Trust";
    const buttons = errorKind(error) === "notTrusted" ? [trust] : [];
    void window
      .showErrorMessage(withoutLinks(`Offshoot: ${message}`), ...buttons)
      .then((pressed) => {
        if (pressed === trust) void commands.executeCommand("workbench.trust.manage");
      });
  }

  return [
    add("openApproval", async (clicked, selected) => {
      for (const { id } of await meant(clicked, selected, "Show")) await inbox.show(id);
    }),
    add("allowOnce", async (clicked, selected) => {
      for (const { id } of await meant(clicked, selected, "Allow once")) {
        await inbox.answer(id, { decision: "allowOnce" });
      }
    }),
    add("allowAlways", async (clicked, selected) => {
      for (const approval of await meant(clicked, selected, "Always allow")) {
        const scope = await pickScope(approval, "allow");
        if (scope !== undefined)
          await inbox.answer(approval.id, { decision: "allowAlways", scope });
      }
    }),
    add("denyOnce", async (clicked, selected) => {
      for (const { id } of await meant(clicked, selected, "Deny")) {
        await inbox.answer(id, { decision: "denyOnce" });
      }
    }),
    add("denyWithMessage", async (clicked, selected) => {
      const denied = await meant(clicked, selected, "Deny");
      if (denied.length === 0) return;
      const message = await window.showInputBox({
        title: "Deny with a message",
        prompt: "The agent reads it and goes on.",
        placeHolder: "Why not, and what to do instead",
        ignoreFocusOut: true,
      });
      if (message === undefined) return;
      const text = message.trim();
      for (const { id } of denied) {
        await inbox.answer(id, { decision: "denyOnce", ...(text !== "" && { message: text }) });
      }
    }),
    add("denyAlways", async (clicked, selected) => {
      for (const approval of await meant(clicked, selected, "Always deny")) {
        const scope = await pickScope(approval, "deny");
        if (scope !== undefined) await inbox.answer(approval.id, { decision: "denyAlways", scope });
      }
    }),
    add("approvalRules", () => manageApprovalRules(client)),
  ];
}

/** What was clicked: a row, or the document that shows it. */
function idsIn(clicked: unknown, selected: unknown): string[] | undefined {
  const rows = Array.isArray(selected) ? selected.filter((one) => typeof one === "string") : [];
  if (rows.length > 0) return rows;
  if (typeof clicked === "string") return [clicked];
  const id = clicked instanceof Uri ? approvalIdIn(clicked) : undefined;
  return id === undefined ? undefined : [id];
}

function idsAtHand(view: TreeView<string>): readonly string[] {
  const document = window.activeTextEditor?.document.uri;
  const shown = document && approvalIdIn(document);
  if (shown !== undefined) return [shown];
  return view.visible ? view.selection : [];
}

/** Shows what would be stored before it is. Undefined: rather not. */
async function pickScope(
  { always, path }: Approval,
  verb: "allow" | "deny",
): Promise<"cwd" | "tree" | undefined> {
  if (always === undefined) {
    const message = `no rule can say just this, so it can only be ${verb === "allow" ? "allowed" : "denied"} once`;
    throw new Error(message);
  }
  const { tool, pattern = "*" } = always.rule;
  const rule = shortened(exactLine(pattern.replaceAll(/\\(.)/gsu, "$1")), 120);
  const picked = await window.showQuickPick(
    [
      {
        label: "$(folder) In this folder",
        detail: withoutIcons(exactLine(always.text.replace(/^always allow/, `Always ${verb}`))),
        scope: "cwd" as const,
      },
      {
        label: "$(list-tree) In this tree only",
        detail: `Always ${verb} it in “${withoutIcons(oneLine(path[0]?.title ?? "", 60))}”`,
        scope: "tree" as const,
      },
    ],
    { title: `Always ${verb} exactly this: ${oneLine(tool, 60)} ${rule}`, placeHolder: "Where?" },
  );
  return picked?.scope;
}
