/** Shows the stored answers "always" and "never", and removes those that a person checks. */
import { window } from "vscode";
import type { ApprovalRule } from "../../protocol/approvals.ts";
import type { Caller } from "../daemon/daemonClient.ts";
import { exactLine } from "./approvalRow.ts";
import { oneLine, plural, withoutIcons } from "../base/text.ts";

export async function manageApprovalRules(client: Caller): Promise<void> {
  const { rules } = await client.call("approval/rules", {});
  if (rules.length === 0) {
    void window.showInformationMessage("Offshoot: nothing is always allowed or denied.");
    return;
  }
  const checked = await window.showQuickPick(
    rules.map((rule) => ({ ...ruleItem(rule), ruleId: rule.id })),
    {
      title: "Always allowed and denied",
      placeHolder: "Check what to remove; from then on you are asked again",
      canPickMany: true,
      matchOnDetail: true,
    },
  );
  for (const { ruleId } of checked ?? []) await client.call("approval/removeRule", { ruleId });
}

function ruleItem({ title, rule, uses, createdAt, createdBy }: ApprovalRule) {
  const icon = rule.decision === "allow" ? "check" : "circle-slash";
  const day = new Date(createdAt).toLocaleDateString();
  const used = uses === 0 ? "not used yet" : `used ${plural(uses, "time")}`;
  return {
    label: `$(${icon}) ${withoutIcons(exactLine(title))}`,
    detail: withoutIcons(`${used}, made ${day} by ${oneLine(createdBy, 40)}`),
  };
}
