/** Tables for people: columns as wide as their cells, the last one cut at the edge. Pure. */
import stringWidth from "string-width";
import { cutTo } from "../client/values.ts";

const gap = "  ";

/**
 * The lines of a table. Cells are safe text; `paintCell` may colour a cell after it was cut. With a
 * `width` of Infinity nothing is cut.
 */
export function tableLines(
  rows: readonly (readonly string[])[],
  width: number,
  paintCell: (text: string, row: number, column: number) => string,
): string[] {
  const columns = Math.max(0, ...rows.slice(0, 1).map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    rows.reduce((most, row) => Math.max(most, stringWidth(row[column] ?? "")), 0),
  );
  const before = widths
    .slice(0, -1)
    .reduce((sum, columnWidth) => sum + columnWidth + gap.length, 0);
  return rows.map((row, rowIndex) =>
    row
      .map((cell, column) => {
        const last = column === columns - 1;
        const room = last ? Math.max(8, width - before) : (widths[column] ?? 0);
        const text = Number.isFinite(room) ? cutTo(cell, room) : cell;
        const missing = last ? 0 : (widths[column] ?? 0) - stringWidth(text);
        return paintCell(text, rowIndex, column) + " ".repeat(missing);
      })
      .join(gap)
      .trimEnd(),
  );
}
