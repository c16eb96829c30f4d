/** The commands for approvals: on rows of the view, on the documents that it opens, in the palette. */
import { Uri, window, type Disposable, type TreeView } from "vscode";
import type { Approval } from "../../protocol/approvals.ts";
import { oneLine, shortened, withoutIcons } from "../base/text.ts";
import { registerCommand } from "../editor/commands.ts";
import type { Services } from "../editor/services.ts";
import { approvalIdIn } from "./approvalDocuments.ts";
import type { ApprovalInbox } from "./approvalInbox.ts";
import { approvalRow, exactLine } from "./approvalRow.ts";
import { manageApprovalRules } from "./approvalRules.ts";

export function addApprovalCommands(
  services: Services,
  { open, show, answer }: ApprovalInbox,
  view: TreeView<string>,
): Disposable[] {
  /** Registers a command for the approvals that were clicked or selected; asks where none is. */
  function add(name: string, verb: string, action: (chosen: Approval[]) => Promise<void>) {
    return registerCommand(services, name, async (clicked: unknown, selected: unknown) => {
      await services.start();
      if (open.size === 0) {
        void window.showInformationMessage("Offshoot: nothing waits for you.");
        return;
      }
      const ids = clickedIds(clicked, selected) ?? activeIds(view).filter((id) => open.get(id));
      const chosen = ids.flatMap((id) => open.get(id) ?? []);
      await action(ids.length > 0 ? chosen : await pickApproval(open.all(), verb));
    });
  }

  async function answerAll(chosen: Approval[], given: Parameters<typeof answer>[1]): Promise<void> {
    for (const { id } of chosen) await answer(id, given);
  }

  const allowOrDeny = (verb: "allow" | "deny") => async (chosen: Approval[]) => {
    for (const approval of chosen) {
      const scope = await pickScope(approval, verb);
      if (scope !== undefined) await answer(approval.id, { decision: `${verb}Always`, scope });
    }
  };

  return [
    add("openApproval", "Show", async (chosen) => {
      for (const approval of chosen) await show(approval);
    }),
    add("allowOnce", "Allow once", (chosen) => answerAll(chosen, { decision: "allowOnce" })),
    add("allowAlways", "Always allow", allowOrDeny("allow")),
    add("denyOnce", "Deny", (chosen) => answerAll(chosen, { decision: "denyOnce" })),
    add("denyWithMessage", "Deny", async (chosen) => {
      if (chosen.length === 0) return;
      const message = await window.showInputBox({
        title: "Deny with a message",
        prompt: "The agent reads it and goes on.",
        placeHolder: "Why not, and what to do instead",
        ignoreFocusOut: true,
      });
      if (message === undefined) return;
      const text = message.trim();
      await answerAll(chosen, { decision: "denyOnce", ...(text !== "" && { message: text }) });
    }),
    add("denyAlways", "Always deny", allowOrDeny("deny")),
    registerCommand(services, "approvalRules", async () => {
      await services.start();
      await manageApprovalRules(services.client);
    }),
  ];
}

function clickedIds(clicked: unknown, selected: unknown): string[] | undefined {
  const rows = Array.isArray(selected) ? selected.filter((one) => typeof one === "string") : [];
  if (rows.length > 0) return rows;
  if (typeof clicked === "string") return [clicked];
  const id = clicked instanceof Uri ? approvalIdIn(clicked) : undefined;
  return id === undefined ? undefined : [id];
}

/** The approval of the active document, else those that are selected in the view. */
function activeIds(view: TreeView<string>): readonly string[] {
  const document = window.activeTextEditor?.document.uri;
  const shown = document && approvalIdIn(document);
  if (shown !== undefined) return [shown];
  return view.visible ? view.selection : [];
}

async function pickApproval(approvals: readonly Approval[], verb: string): Promise<Approval[]> {
  const items = approvals.map((approval) => {
    const { label, description, icon } = approvalRow(approval);
    return { label: `$(${icon}) ${withoutIcons(label)}`, description, approval };
  });
  const picked = await window.showQuickPick(items, {
    title: `${verb}: which one?`,
    placeHolder: "What waits for you",
    matchOnDescription: true,
  });
  return picked === undefined ? [] : [picked.approval];
}

/** Shows the rule that would be stored, and asks where it applies. */
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
