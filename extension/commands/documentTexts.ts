/** The texts of reports: result, events, cost, diagnosis. Pure. */
import type { AgentInfo, DaemonStatus } from "../../protocol/daemon.ts";
import type { StoredEvent } from "../../protocol/events.ts";
import type { Session, Usage } from "../../protocol/session.ts";
import { isTerminal } from "../../protocol/states.ts";
import { duration, moneyText } from "../base/numbers.ts";
import { joined, oneLine } from "../base/text.ts";
import { reasonText } from "../sessions/outcomeWords.ts";
import { runMs, stateWord } from "../sessions/sessionWords.ts";

const longestEvent = 2_000;

/** One line for each event: number, time, type, and the other fields as they are stored. */
export function eventsText(session: Session, events: readonly StoredEvent[]): string {
  const first = events[0]?.seq ?? 1;
  return [
    `Events of “${oneLine(session.title, 200)}” (${session.id})`,
    ...(first > 1 ? [`The first ${first - 1} are left out.`] : []),
    "",
    ...events.map(eventLine),
  ].join("\n");
}

function eventLine({ seq, at, event }: StoredEvent): string {
  const { type, ...facts } = event;
  const text = Object.keys(facts).length === 0 ? "" : JSON.stringify(facts);
  const shown = text.length > longestEvent ? `${text.slice(0, longestEvent)}…` : text;
  return `${String(seq).padStart(6)} ${new Date(at).toISOString()} ${type.padEnd(16)} ${shown}`.trimEnd();
}

/** The result of a session, or why there is none. */
export function resultText(session: Session): string {
  if (!isTerminal(session)) return `It is ${stateWord(session)}: there is no result yet.`;
  const { error, result, reason } = session;
  const trouble = error ? `${error.code}: ${error.message}` : reasonText(reason);
  if (result === undefined)
    return trouble === "" ? `It ended ${session.status}, without a result.` : trouble;
  return session.status === "completed" || trouble === "" ? result : `${trouble}\n\n${result}`;
}

const columns = [
  "Sub-agent",
  "Agent",
  "Cost",
  "Input",
  "Cached",
  "Output",
  "Turns",
  "Tools",
  "Time",
];

/** A table of what each session of a tree has used, children below their parents. */
export function costTableText(top: Session, subtree: readonly Session[], now: number): string {
  const lines = subtree.map((session) => [
    `${"  ".repeat(session.depth - top.depth)}${oneLine(session.title, 48)}`,
    oneLine(joined([session.agent, session.model ?? ""], " "), 40),
    ...usageCells(session.usage, timeOf(session, now)),
  ]);
  const all = [columns, ...lines, ["In all", "", ...usageCells(top.treeUsage, "")]];
  const widths = columns.map((_, n) => Math.max(...all.map((cells) => cells[n]?.length ?? 0)));
  const padded = (cell: string, n: number) =>
    n < 2 ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0);
  const written = all.map((cells) => cells.map(padded).join("  ").trimEnd());
  const rule = "-".repeat(Math.max(...written.map(({ length }) => length)));
  const title = `What “${oneLine(top.title, 200)}” and all below it used\n`;
  return [title, written[0], rule, ...written.slice(1, -1), rule, written.at(-1), ""].join("\n");
}

function usageCells(usage: Usage, time: string): string[] {
  const count = (value: number) => (value === 0 ? "–" : value.toLocaleString("en"));
  const { inputTokens, cachedInputTokens, outputTokens, turns, toolCalls, costUsd } = usage;
  const counts = [inputTokens, cachedInputTokens, outputTokens, turns, toolCalls].map(count);
  return [moneyText(costUsd) || "–", ...counts, time];
}

function timeOf(session: Session, now: number): string {
  const ms = runMs(session, now);
  return ms === undefined ? "–" : duration(ms);
}

/** One line of `offshoot doctor --json`. */
export interface DoctorCheck {
  state: string;
  name: string;
  text: string;
  remedy?: string;
}

export interface DiagnosisFacts {
  versions: Readonly<Record<string, string>>;
  connection: string;
  checks: readonly DoctorCheck[] | { failed: string };
  status: DaemonStatus | undefined;
  agents: readonly AgentInfo[];
  faults: readonly string[];
}

/** All facts that help to find a fault, without secrets. */
export function diagnosisText(facts: DiagnosisFacts): string {
  const { versions, connection, checks, status, agents, faults } = facts;
  const doctor =
    "failed" in checks ? [`could not be asked: ${checks.failed}`] : checks.flatMap(checkLines);
  const sections: [string, string[]][] = [
    ["Offshoot", Object.entries(versions).map(([name, version]) => `${name}: ${version}`)],
    ["Connection", [connection]],
    ["Checks", doctor],
    [
      "Daemon",
      status === undefined ? ["does not answer"] : JSON.stringify(status, null, 2).split("\n"),
    ],
    ["Agents", agents.map(agentLine)],
    ["Wrong in the configuration", [...faults]],
  ];
  return sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${title}\n${lines.map((line) => `  ${line}`).join("\n")}\n`)
    .join("\n");
}

function checkLines({ state, name, text, remedy }: DoctorCheck): string[] {
  const mark = state === "fail" ? "FAIL" : state.padEnd(4);
  return [`${mark}  ${name}: ${text}`, ...(remedy === undefined ? [] : [`      → ${remedy}`])];
}

function agentLine({ name, runner, source, available, reason }: AgentInfo): string {
  const state = available ? "available" : `not available: ${reason ?? ""}`;
  return `${name} (${runner}, ${source}): ${state}`;
}
