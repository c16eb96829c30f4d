/** The tooltip of a session's row, as Markdown. Pure. */
import type { RunError, RunErrorCode, Session, Usage } from "../../protocol/session.ts";
import { isTerminal } from "../../protocol/states.ts";
import { duration, moneyText, shortCount } from "../base/numbers.ts";
import { fenced, joined, oneLine, plural } from "../base/text.ts";
import { outcomeText, whyEnded } from "../sessions/outcomeWords.ts";
import { costText, runMs, stateWord } from "../sessions/sessionWords.ts";

export interface TooltipFacts {
  now: number;
  prompt: string | undefined;
  hasChildren: boolean;
}

export function sessionTooltip(session: Session, facts: TooltipFacts): string {
  const title = `**${escaped(oneLine(session.title, 200))}**`;
  if (session.kind === "root") {
    const cost = costText(session.treeUsage);
    return joined([title, escaped(session.cwd), cost && `used ${escaped(cost)}`], "\n\n");
  }
  const blocks = [
    `${title} — ${escaped(stateOf(session))}`,
    facts.prompt === undefined ? "" : quoted(facts.prompt),
    table(rowsOf(session, facts)),
    adviceOf(session),
  ];
  return joined(blocks, "\n\n");
}

type Row = readonly [name: string, value: string];

function rowsOf(session: Session, { now, hasChildren }: TooltipFacts): Row[] {
  const { agent, model, usage, treeUsage, cwd, id } = session;
  return [
    ["agent", model === undefined ? agent : `${agent}, ${model}`],
    ["folder", cwd],
    ...timesOf(session, now),
    ["used", usageText(usage)],
    ["with all below", hasChildren ? usageText(treeUsage) : ""],
    ["left", limitsLeft(session, now)],
    ["id", id],
  ];
}

function timesOf(session: Session, now: number): Row[] {
  const ago = (at: number) => `${duration(now - at)} ago`;
  const attempt = "attempt" in session && session.attempt > 1 ? String(session.attempt) : "";
  if ("lastHeartbeatAt" in session) {
    return [
      ["running for", duration(now - session.startedAt)],
      ["alive", ago(session.lastHeartbeatAt)],
      ["last progress", ago(session.lastProgressAt)],
      ["attempt", attempt],
    ];
  }
  if (session.status === "queued") return [["queued for", duration(now - session.queuedAt)]];
  if (session.status === "paused") return [["paused for", duration(now - session.pausedAt)]];
  if (!isTerminal(session)) return [];
  const ms = runMs(session, now);
  return [
    ["took", ms === undefined ? "never started" : duration(ms)],
    ["ended", ago(session.endedAt)],
    ["attempt", attempt],
  ];
}

function usageText(usage: Usage): string {
  const { inputTokens, outputTokens, cachedInputTokens, costUsd, turns, toolCalls } = usage;
  const cached = cachedInputTokens > 0 ? ` (${shortCount(cachedInputTokens)} cached)` : "";
  const tokens = `${shortCount(inputTokens)} in${cached}, ${shortCount(outputTokens)} out`;
  const used = [
    inputTokens + outputTokens > 0 ? tokens : "",
    moneyText(costUsd),
    turns > 0 ? plural(turns, "turn") : "",
    toolCalls > 0 ? plural(toolCalls, "tool call") : "",
  ];
  return joined(used, ", ");
}

/** What is left of the session's limits, which count the use of its whole tree. */
function limitsLeft(session: Session, now: number): string {
  const { limits, treeUsage } = session;
  const left: string[] = [];
  const take = (max: number | undefined, used: number, text: (rest: number) => string) => {
    if (max !== undefined) left.push(text(Math.max(0, max - used)));
  };
  const tokens = treeUsage.inputTokens + treeUsage.outputTokens;
  take(limits.maxCostUsd, treeUsage.costUsd, (rest) => `$${rest.toFixed(2)}`);
  take(limits.maxTokens, tokens, (rest) => `${shortCount(rest)} tokens`);
  take(limits.maxTurns, treeUsage.turns, (rest) => plural(rest, "turn"));
  take(limits.maxToolCalls, treeUsage.toolCalls, (rest) => plural(rest, "tool call"));
  if ("lastHeartbeatAt" in session) {
    take(limits.timeoutMs, now - session.startedAt, duration);
    take(limits.idleTimeoutMs, now - session.lastProgressAt, (rest) => `${duration(rest)} idle`);
  }
  return left.join(", ");
}

/** What a person can do about the state; empty where nothing is wrong. */
function adviceOf(session: Session): string {
  if (session.status === "suspended") return escaped(waitingAdvice[session.waitingFor.kind]);
  if (session.status === "running" && session.stalled) {
    return "No progress for a long time. It may still be working: look at its transcript, send it a message, or cancel it.";
  }
  if (session.status === "interrupted") return "Run it again to go on.";
  if (session.status === "timeout") return "Run it again, or spawn one with more time.";
  if (session.status !== "error") return "";
  const { error } = session;
  if (error === undefined) return escaped(whyEnded(session));
  return `**${escaped(error.code)}** ${escaped(oneLine(error.message, 600))}\n\n${adviceFor(error)}`;
}

/** The state in the title; the text of an error stands below. */
function stateOf(session: Session): string {
  const isPlain = !isTerminal(session) || session.status === "completed";
  const text = isPlain || session.status === "error" ? stateWord(session) : outcomeText(session);
  return oneLine(text, 300);
}

const waitingAdvice = {
  approval: "It asks for a permission: answer it under “Waiting for You”.",
  input: "It needs an answer: send it a message.",
  children: "It waits for the sub-agents below it and holds no slot meanwhile.",
  background: "It waits for a process that it started.",
  retry: "Its agent was refused for now: it tries again by itself and holds no slot meanwhile.",
} as const;

const advice: Readonly<Record<RunErrorCode, string>> = {
  throttled: "The provider asks to slow down. Run it again later.",
  network: "The provider could not be reached. Check the connection and run it again.",
  overloaded: "The provider has too much to do. Run it again later.",
  server_error: "The provider failed. Run it again.",
  runner_crashed: "The agent's program died. Look at its events, then run it again.",
  auth: "Check the API key, or sign in with the agent's own program.",
  quota: "The account has nothing left. Top it up or choose another model.",
  invalid_request: "The provider does not take the request. Look at its events.",
  aborted: "It was ended from outside. Run it again if that was not meant.",
  budget_exceeded:
    "Its budget is used up. Send it a message to go on with a new run, or spawn one with a higher limit.",
  max_turns: "It has used all its turns. Send it a message to go on.",
  refused: "The agent refuses. Put it another way.",
  exit_nonzero: "The program says that it failed. Its transcript has what it wrote.",
  command_not_found: "Install the agent's program, or correct its command in the settings.",
  cwd_not_found: "The folder is not there any more. Spawn it in another one.",
  protocol_error: "The agent broke its protocol. Update it, and look at the log.",
  internal: "A fault in Offshoot. The log has the details.",
};

function adviceFor({ code, retryAfterMs }: RunError): string {
  const after =
    retryAfterMs === undefined ? "" : ` The provider asks to wait ${duration(retryAfterMs)}.`;
  return `${advice[code]}${after}`;
}

function table(rows: readonly Row[]): string {
  const known = rows.filter(([, value]) => value !== "");
  const lines = known.map(([name, value]) => `| ${name} | ${escaped(oneLine(value, 300))} |`);
  return ["| | |", "|---|---|", ...lines].join("\n");
}

/** The start of a text of an agent or a person. */
function quoted(text: string): string {
  const lines = text.slice(0, 2_000).split("\n");
  const shown = lines.slice(0, 10).join("\n");
  return fenced(lines.length > 10 || text.length > 2_000 ? `${shown}\n…` : shown, "text");
}

/** Texts of agents may be hostile: no part of them may become Markdown. */
function escaped(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]()#+\-.!|<>&~$:@/]/g, String.raw`\$&`);
}
