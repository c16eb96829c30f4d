/** Collects the output of a command, within bounds. */

export type OutputCollector = ReturnType<typeof createCollector>;

/** In characters. The middle of a longer output is dropped. */
const mostKept = 4 * 1024 * 1024;
const tailLength = 4_096;

export function createCollector() {
  let head = "";
  let last: string[] = [];
  let lastLength = 0;
  let dropped = 0;
  let shown = "";

  return {
    add(text: string): void {
      shown = (shown + text).slice(-tailLength);
      const room = mostKept / 2 - head.length;
      head += text.slice(0, Math.max(0, room));
      const rest = text.slice(Math.max(0, room));
      if (rest === "") return;
      last.push(rest);
      lastLength += rest.length;
      while (lastLength > mostKept / 2 && last.length > 1) {
        const length = last.shift()?.length ?? 0;
        lastLength -= length;
        dropped += length;
      }
    },
    /** The last part, for showing while the command runs. */
    tail: () => shown,
    /** Everything since the last take. */
    take(): string {
      const gap = dropped > 0 ? `\n[${dropped} characters dropped]\n` : "";
      const text = head + gap + last.join("");
      head = "";
      last = [];
      lastLength = 0;
      dropped = 0;
      return text;
    },
  };
}
