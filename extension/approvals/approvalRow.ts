/** An approval as people read it: its row, its notification, and what a screen reader says. Pure. */
import type { Approval } from "../../protocol/approvals.ts";
import { timeOfDay } from "../base/numbers.ts";
import { oneLine, shortened } from "../base/text.ts";
import { requestedAction } from "./requestedAction.ts";

export interface ApprovalRow {
  /** The command, address or files themselves; where there are none, the agent's title. */
  label: string;
  /** Who asks: the titles from the top of the tree to the session. */
  description: string;
  /** Name of a codicon. */
  icon: string;
  /** The action in plain words: "run a command". */
  purpose: string;
  /** Further lines of the tooltip, plain text. */
  facts: string[];
  command?: string;
  accessibleLabel: string;
}

const toolKinds: Readonly<Record<string, { icon: string; purpose: string }>> = {
  edit: { icon: "edit", purpose: "change a file" },
  delete: { icon: "trash", purpose: "delete a file" },
  move: { icon: "file-symlink-file", purpose: "move a file" },
  execute: { icon: "terminal", purpose: "run a command" },
  fetch: { icon: "globe", purpose: "read from the web" },
  read: { icon: "file", purpose: "read a file" },
  search: { icon: "search", purpose: "search" },
  think: { icon: "lightbulb", purpose: "go on with a plan" },
};

export function approvalRow(approval: Approval): ApprovalRow {
  const { kind, toolName, requestedAt, expiresAt, always } = approval;
  const name = oneLine(toolName, 80);
  const known = Object.hasOwn(toolKinds, kind) ? toolKinds[kind] : undefined;
  const action = requestedAction(approval);
  const changed = action.kind === "changes" ? action.changes.map(({ path }) => path) : [];
  const purpose = purposeOf(changed) ?? known?.purpose ?? `use ${name}`;
  const title = exactLine(approval.title);
  const subject = action.kind === "command" ? action.command : addressIn(approval);
  const label = exactLine(subject ?? filesOf(changed)) || title || purpose;
  const asker = pathOf(approval);
  return {
    label,
    description: asker,
    icon: known?.icon ?? "tools",
    purpose,
    facts: [
      `${asker} wants to ${purpose} (${name}).`,
      ...changed.filter((path) => path !== label).map((path) => exactLine(path)),
      ...(title === "" || title === label ? [] : [`It calls this: ${title}`]),
      `Asked at ${timeOfDay(requestedAt)}.`,
      ...(expiresAt === undefined ? [] : [`Denied at ${timeOfDay(expiresAt)} unless answered.`]),
      ...(always === undefined ? [] : [`Always Allow stores: ${exactLine(always.text)}.`]),
    ],
    ...(action.kind === "command" && { command: action.command }),
    accessibleLabel: `${shortened(label, longestSpoken)}, ${asker} wants to ${purpose}`,
  };
}

export function approvalSentence(approval: Approval): string {
  const { label, description, purpose } = approvalRow(approval);
  return `“${description}” wants to ${purpose}: ${shortened(label, longestTitle)}`;
}

/** Notifications are narrow; the view and the document show the whole text. */
const longestTitle = 160;
const longestSpoken = 300;
const longestPath = 40;

/** Decided by the changed files themselves, because the title is written by the agent. */
function purposeOf(changed: readonly string[]): string | undefined {
  if (changed.length === 0) return undefined;
  return changed.length === 1 ? "change a file" : `change ${changed.length} files`;
}

function filesOf(changed: readonly string[]): string {
  const [first, ...others] = changed;
  if (first === undefined) return "";
  return others.length === 0 ? shortPath(first) : `${shortPath(first)} and ${others.length} more`;
}

/** Cut at its start: a side bar cuts the end, which is what distinguishes long paths. */
function shortPath(path: string): string {
  const steps = path.split(/[/\\]/);
  const isShort = path.length <= longestPath && !/^([/\\]|[A-Za-z]:)/.test(path);
  return isShort || steps.length <= 3 ? path : `…/${steps.slice(-2).join("/")}`;
}

function addressIn({ kind, input }: Approval): string | undefined {
  const { url } = (input ?? {}) as { url?: unknown };
  return kind === "fetch" && typeof url === "string" ? url : undefined;
}

/** Without the root, which is the same for all. */
function pathOf({ path }: Approval): string {
  const [root, ...below] = path.map(({ title }) => oneLine(title, 60));
  return (below.length > 0 ? below : [root ?? "A sub-agent"]).join(" › ");
}

/**
 * What an agent asks for, in one line. Characters that are invisible or change the direction of the
 * text are replaced by their codes, so that no command looks like another one.
 */
export function exactLine(text: string): string {
  return text
    .trim()
    .replaceAll(/\s*\n\s*/g, " ⏎ ")
    .replaceAll(/\s+/g, " ")
    .replaceAll(
      /[\p{Cc}\p{Cf}]/gu,
      (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ""}}`,
    );
}
