/** One approval as people read it: its row, its notification, and how it is read aloud. Pure. */
import type { Approval } from "../../protocol/approvals.ts";
import { oneLine } from "../sessions/sessionWords.ts";
import { wantedOf } from "./requestedAction.ts";

export interface ApprovalRow {
  /** The command, address or files themselves, whatever the agent calls it; else its title. */
  label: string;
  /** Who asks: the titles from the top of the tree to the session. */
  description: string;
  /** Name of a codicon. */
  icon: string;
  /** What it is about in plain words: "run a command". */
  purpose: string;
  /** Further lines of the tooltip, plain text. */
  facts: string[];
  /** The exact command, where it is one. */
  command?: string;
  /** What a screen reader says. */
  accessibleLabel: string;
}

interface Look {
  icon: string;
  purpose: string;
}

const looks: Readonly<Record<string, Look>> = {
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
  const known = Object.hasOwn(looks, kind) ? looks[kind] : undefined;
  const wanted = wantedOf(approval);
  const changed = wanted.kind === "changes" ? wanted.changes.map(({ path }) => path) : [];
  const purpose = purposeOf(changed) ?? known?.purpose ?? `use ${name}`;
  const title = exactLine(approval.title);
  const subject = wanted.kind === "command" ? wanted.command : addressIn(approval);
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
    ...(wanted.kind === "command" && { command: wanted.command }),
    accessibleLabel: `${shortened(label, longestSpoken)}, ${asker} wants to ${purpose}`,
  };
}

/** One sentence for a notification. */
export function approvalSentence(approval: Approval): string {
  const { label, description, purpose } = approvalRow(approval);
  return `“${description}” wants to ${purpose}: ${shortened(label, longestTitle)}`;
}

/** Notifications are narrow; the view and the document show everything. */
const longestTitle = 160;
const longestSpoken = 300;
const longestPath = 40;

/** By the files themselves: the title is the agent's. */
function purposeOf(changed: readonly string[]): string | undefined {
  if (changed.length === 0) return undefined;
  return changed.length === 1 ? "change a file" : `change ${changed.length} files`;
}

function filesOf(changed: readonly string[]): string {
  const [first, ...others] = changed;
  if (first === undefined) return "";
  return others.length === 0 ? shortPath(first) : `${shortPath(first)} and ${others.length} more`;
}

/** A side bar cuts the end, which is what tells a long path from another one. */
function shortPath(path: string): string {
  const parts = path.split(/[/\\]/);
  const isShort = path.length <= longestPath && !/^([/\\]|[A-Za-z]:)/.test(path);
  return isShort || parts.length <= 3 ? path : `…/${parts.slice(-2).join("/")}`;
}

function addressIn({ kind, input }: Approval): string | undefined {
  const { url } = (input ?? {}) as { url?: unknown };
  return kind === "fetch" && typeof url === "string" ? url : undefined;
}

/** The root is left out: it is the folder that everything here stands in. */
function pathOf({ path }: Approval): string {
  const [root, ...below] = path.map(({ title }) => oneLine(title, 60));
  return (below.length > 0 ? below : [root ?? "A sub-agent"]).join(" › ");
}

/**
 * What an agent wants, in one line. What has no shape of its own or turns the direction of reading
 * is named, so that nothing can look like another thing than it is.
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

export function shortened(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1).trimEnd()}…` : text;
}

function timeOfDay(at: number): string {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}
