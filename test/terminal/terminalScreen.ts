/**
 * A terminal of text: takes what a program writes to it and answers what a person would see. Knows
 * the sequences that the live tree uses, and refuses any other, so that none goes unseen.
 */
import { EventEmitter } from "node:events";
import type { Screen } from "../../daemon/terminal/output.ts";

export interface TestScreen extends Screen {
  columns: number;
  rows: number;
  /** Every write, as it came. */
  readonly writes: string[];
  /** The lines from the first one on, without blanks at their ends. */
  lines(): string[];
}

export function createScreen(columns: number, rows: number): TestScreen {
  const writes: string[] = [];
  const screen = Object.assign(new EventEmitter(), {
    isTTY: true,
    columns,
    rows,
    writes,
    write(text: string) {
      writes.push(text);
      return true;
    },
    lines: () => linesOf(writes.join(""), screen.columns),
  });
  return screen as unknown as TestScreen;
}

const sequence = /^(\??)(\d*)([A-Za-z])/;

function linesOf(written: string, columns: number): string[] {
  const grid: string[][] = [[]];
  let row = 0;
  let column = 0;
  const current = () => (grid[row] ??= []);
  const put = (character: string) => {
    if (column === columns) throw new Error(`a line is wider than ${columns} columns`);
    while (current().length < column) current().push(" ");
    current()[column] = character;
    column += 1;
  };
  const obey = (isPrivate: boolean, amount: string, letter: string) => {
    const count = Number(amount === "" ? 1 : amount);
    // The cursor and the marks of a picture change nothing that can be read.
    if (isPrivate) return;
    if (letter === "A") row = Math.max(0, row - count);
    else if (letter === "B") row += count;
    else if (letter === "G") column = 0;
    else if (letter === "K" && amount === "2") grid[row] = [];
    else if (letter === "K" && amount === "") current().length = column;
    else throw new Error(`the terminal does not know ${amount}${letter}`);
  };
  const [first = "", ...others] = written.split("\u001b[");
  for (const part of ["", ...others]) {
    const [whole = "", isPrivate, amount = "", letter] = sequence.exec(part) ?? [];
    if (letter !== undefined) obey(isPrivate === "?", amount, letter);
    for (const character of part === "" ? first : part.slice(whole.length)) {
      if (character !== "\n") put(character);
      else {
        row += 1;
        column = 0;
        current();
      }
    }
  }
  const lines = grid.map((cells) =>
    Array.from(cells, (cell) => cell ?? " ")
      .join("")
      .trimEnd(),
  );
  while (lines.at(-1) === "") lines.pop();
  return lines;
}
