/**
 * `npm run picture`: writes docs/tree.svg, a picture of the README. The picture is the output of
 * `offshoot tree` while the demo runs, captured when many sub-agents are running.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const root = join(import.meta.dirname, "..");
const columns = 100;
const scratch = realpathSync(mkdtempSync(join(tmpdir(), "pic-")));

const escape = String.fromCharCode(27);
/** An escape sequence of a terminal, as one part of a split. */
const sequence = new RegExp(`(${escape}\\[[0-9;?]*[A-Za-z])`);

const colors: Record<string, string> = {
  "31": "#f47067",
  "32": "#57ab5a",
  "33": "#c69026",
  "34": "#539bf5",
  "35": "#b083f0",
  "36": "#39c5cf",
  "90": "#768390",
};

const demo = spawn(process.execPath, ["daemon/bin.cjs", "demo"], {
  cwd: root,
  env: { ...process.env, TMPDIR: scratch },
  stdio: "ignore",
});
const ended = once(demo, "exit");
let best = "";
let bestScore = -1;
while (demo.exitCode === null) {
  const screen = await capture();
  const score = ["running", "completed", "suspended", "error", "queued"].filter((state) =>
    screen.includes(state),
  ).length;
  if (score > bestScore) [best, bestScore] = [screen, score];
  await pause(200);
}
await ended;
// An `offshoot tree` after the end of the demo has started a core again.
const [made = ""] = readdirSync(scratch).filter((name) => name.startsWith("offshoot-demo-"));
const stop = ["daemon/bin.cjs", "--state-dir", join(scratch, made, "state"), "stop"];
await once(spawn(process.execPath, stop, { cwd: root, stdio: "ignore" }), "exit");
writeFileSync(join(root, "docs", "tree.svg"), svg(best.trimEnd().split("\n")));
rmSync(scratch, { recursive: true, force: true });

/** The present output of `offshoot tree`, with its colours. */
async function capture(): Promise<string> {
  const folder = readdirSync(scratch).find((name) => name.startsWith("offshoot-demo-"));
  if (folder === undefined) return "";
  const state = join(scratch, folder, "state");
  const command = `stty cols ${columns} rows 40; exec '${process.execPath}' daemon/bin.cjs --state-dir '${state}' tree --once`;
  const script = spawn("script", ["-qec", command, "/dev/null"], { cwd: root, stdio: "pipe" });
  script.stdin.end();
  let text = "";
  script.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  await once(script, "close");
  return text.replaceAll("\r", "");
}

/** One `text` element per line; SGR sequences become spans. */
function svg(lines: string[]): string {
  const rowHeight = 20;
  const width = columns * 8.42 + 32;
  const height = lines.length * rowHeight + 32;
  const rows = lines.map((line, place) => {
    const y = 30 + place * rowHeight;
    return `<text xml:space="preserve" x="16" y="${y}">${spans(line)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="The live tree of sub-agents in a terminal">
<rect width="100%" height="100%" rx="8" fill="#22272e"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" fill="#adbac7">
${rows.join("\n")}
</g>
</svg>
`;
}

function spans(line: string): string {
  let style = "";
  let result = "";
  for (const part of line.split(sequence)) {
    if (part.startsWith(escape)) {
      if (part.endsWith("m")) style = styleOf(style, part.slice(2, -1).split(";"));
    } else if (part !== "") {
      result += `<tspan${style}>${escaped(part)}</tspan>`;
    }
  }
  return result;
}

function styleOf(before: string, codes: string[]): string {
  let style = before;
  for (const code of codes) {
    if (code === "" || code === "0" || code === "39" || code === "22") style = "";
    else if (code === "1") style += ' font-weight="bold"';
    else if (code === "2") style += ' fill-opacity="0.65"';
    else if (colors[code] !== undefined) style += ` fill="${colors[code]}"`;
  }
  return style;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
