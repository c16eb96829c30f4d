/** Draws lines in place of the lines drawn before; the terminal never shows half of a picture. */
import { createLogUpdate } from "log-update";
import stringWidth from "string-width";
import type { Screen } from "./output.ts";

const beginPicture = "\u001b[?2026h";
const endPicture = "\u001b[?2026l";
const upAndErase = "\u001b[1A\u001b[2K";

/**
 * Uses log-update on a stream that collects one picture into one write.
 *
 * log-update starts afresh when the number of lines changes, because 7.2.0 leaves rows of the old
 * picture on the screen when lines above other lines are added or removed.
 */
export function openCanvas(screen: Screen) {
  const columns = () => screen.columns ?? 80;
  const rows = () => screen.rows ?? 24;
  let gathered = "";
  const sink = Object.create(screen, {
    // On a terminal, log-update would mark each of its writes as a picture of its own.
    isTTY: { value: false },
    write: {
      value(text: string) {
        gathered += text;
        return true;
      },
    },
  }) as Screen;
  const update = createLogUpdate(sink);
  let shown: readonly string[] = [];
  const flush = () => {
    if (gathered !== "") screen.write(beginPicture + gathered + endPicture);
    gathered = "";
  };
  return {
    columns,
    rows,
    draw(lines: readonly string[]) {
      if (lines.length !== shown.length && shown.length > 0) update.clear();
      update(lines.join("\n"));
      shown = lines;
      flush();
    },
    /** Call after a change of the terminal's size, before the next picture. */
    resized() {
      if (shown.length === 0) return;
      // A terminal that became narrower has wrapped the lines that no longer fit.
      const wrapped = shown.reduce(
        (sum, line) => sum + Math.max(0, Math.ceil(stringWidth(line) / columns()) - 1),
        0,
      );
      update.clear();
      gathered += upAndErase.repeat(Math.min(wrapped, rows() - shown.length));
      shown = [];
    },
    done() {
      update.done();
      flush();
    },
  };
}
