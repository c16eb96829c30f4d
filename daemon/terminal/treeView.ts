/**
 * Session trees as lines of text, none wider than the terminal, whatever the titles hold. Pure: the
 * same sessions, facts, size and time give the same lines.
 */
import stringWidth from "string-width";
import { isTerminal, type Session } from "../../protocol/session.ts";
import type { Paint } from "./output.ts";
import { layOut, type TreeRow } from "./treeLayout.ts";
import type { RunFacts } from "./treeModel.ts";
import { detailOf, elapsedOf, lookOf, usageOf } from "./sessionText.ts";
import { cleanLine, cutTo } from "../client/values.ts";

interface TreeViewOptions {
  /** Columns and rows of the terminal; without `height` every session has a row. */
  readonly width: number;
  readonly height?: number;
  readonly now: number;
  readonly paint: Paint;
}

/** The trees of these sessions, parents before children, each row on one line. */
export function treeLines(
  sessions: Iterable<Session>,
  facts: ReadonlyMap<string, RunFacts>,
  options: TreeViewOptions,
): string[] {
  const rows = layOut([...sessions], options.height ?? Infinity);
  const cells = rows.map((row) => cellsOf(row, facts, options.now));
  const widths = columnWidths(cells, options.width);
  return cells.map((row) => lineOf(row, widths, options));
}

type Cells = ReturnType<typeof cellsOf>;

/** The texts in the columns of a row, safe for a terminal. */
function cellsOf(row: TreeRow, facts: ReadonlyMap<string, RunFacts>, now: number) {
  const none = { row, branch: row.branch, word: "", agent: "", elapsed: "", detail: "" };
  if (row.kind === "folded") return { ...none, glyph: "…", title: row.text };
  const { session } = row;
  if (session.kind === "root") {
    return { ...none, glyph: "▾", title: cleanLine(session.title), detail: cleanLine(session.cwd) };
  }
  const known = facts.get(session.id);
  const ofThisRun = "runId" in session && known?.runId === session.runId ? known : undefined;
  const { glyph, word } = lookOf(session, ofThisRun);
  return {
    ...none,
    glyph,
    word,
    title: cleanLine(session.title),
    agent: cleanLine(session.agent),
    elapsed: elapsedOf(session, now),
    detail: [usageOf(session, ofThisRun), detailOf(session, ofThisRun, now)]
      .filter((part) => part !== "")
      .join("  "),
  };
}

const gap = 2;
const leastDetail = 12;

/**
 * The widths that fit. In a narrow terminal the detail is left out first, then the agent, the
 * elapsed time and the word. Glyph and title are always shown.
 */
function columnWidths(cells: readonly Cells[], width: number) {
  const inColumns = cells.filter((cell) => cell.word !== "");
  const widest = (text: (cell: Cells) => string) =>
    inColumns.reduce((most, cell) => Math.max(most, stringWidth(text(cell))), 0);
  const title = widest((cell) => `${cell.branch}${cell.glyph} ${cell.title}`);
  const detail = widest((cell) => cell.detail);
  const word = widest((cell) => cell.word);
  const agent = Math.min(
    14,
    widest((cell) => cell.agent),
  );
  const elapsed = 6;
  const choices = [
    { word, agent, elapsed },
    { word, agent: 0, elapsed },
    { word, agent: 0, elapsed: 0 },
  ];
  for (const choice of choices) {
    const taken = Object.values(choice).reduce((sum, w) => sum + (w === 0 ? 0 : gap + w), 0);
    // A title gets the columns that the details do not need, and at least 42 % of the width.
    const share = Math.max(28, Math.floor(width * 0.42), width - taken - gap - detail);
    const left = Math.min(title, share, width - taken);
    const room = width - taken - left - gap;
    if (left < Math.min(title, 20)) continue;
    if (room >= leastDetail) return { ...choice, left, detail: room };
    return { ...choice, left: Math.min(title, width - taken), detail: 0 };
  }
  return { left: width, word: 0, agent: 0, elapsed: 0, detail: 0 };
}

function lineOf(
  cells: Cells,
  widths: ReturnType<typeof columnWidths>,
  { width, paint }: TreeViewOptions,
): string {
  const { row, branch, glyph, title } = cells;
  if (row.kind === "folded" || row.session.kind === "root") {
    const left = cutTo(`${branch}${glyph} ${title}`, width);
    const room = width - stringWidth(left) - gap;
    const right = room < leastDetail ? "" : cutTo(cells.detail, room);
    const style = row.kind === "folded" ? "dim" : "bold";
    return right === "" ? paint(style, left) : `${paint(style, left)}  ${paint("dim", right)}`;
  }
  const { session } = row;
  const { style } = lookOf(session, undefined);
  const shownBranch = cutTo(branch, widths.left);
  const shownTitle = cutTo(`${glyph} ${title}`, widths.left - stringWidth(shownBranch));
  const columns: [string, number, (text: string) => string][] = [
    [cells.word, widths.word, (text) => paint(style, text)],
    [cells.agent, widths.agent, (text) => paint("dim", text)],
    [cells.elapsed, widths.elapsed, (text) => text],
    [cells.detail, widths.detail, (text) => (isTerminal(session) ? text : paint("dim", text))],
  ];
  const shownGlyph = shownTitle.slice(0, glyph.length);
  let line = paint("dim", shownBranch) + paint(style, shownGlyph) + shownTitle.slice(glyph.length);
  let missing = widths.left - stringWidth(shownBranch) - stringWidth(shownTitle);
  for (const [text, columnWidth, painted] of columns) {
    if (columnWidth === 0) continue;
    const shown = cutTo(text, columnWidth);
    if (shown !== "") {
      line += " ".repeat(missing + gap) + painted(shown);
      missing = columnWidth - stringWidth(shown);
    } else {
      missing += gap + columnWidth;
    }
  }
  return line;
}
