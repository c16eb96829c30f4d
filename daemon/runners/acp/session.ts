/**
 * One run in one session of an agent: opens the session, gives it the prompt, tells what comes, and
 * ends the turn politely when the run has to end. Knows nothing of the agent's process.
 */
import type { spawn as spawnProcess } from "node:child_process";
import type { Log } from "../../log.ts";
import type { Json } from "../formats/json.ts";
import { agentError } from "../formats/agentErrors.ts";
import { kept } from "../formats/reading.ts";
import type { Processes } from "../processes.ts";
import type { RunContext, RunOutcome } from "../runner.ts";
import { createClientSide, type ClientSide } from "./clientSide.ts";
import type { AcpConnection, SessionSide } from "./connection.ts";
import { AcpError, toAgent } from "./names.ts";
import { doubtOf, errorOfAnswer, outcomeOfAnswer } from "./outcomes.ts";
import { openSession } from "./setUp.ts";
import { createSubAgents, type SubAgents } from "./subAgents.ts";
import { createUpdates, type Updates } from "./updates.ts";
import { createTurnUsage, type TurnUsage } from "./usage.ts";
import { untilAborted, untilLate } from "./waiting.ts";

export interface SessionParts {
  processes: Processes;
  spawn: typeof spawnProcess;
  log: Log;
  /** Facts for Offshoot's own agent, sent when the session is opened. */
  sessionMeta?: Json;
}

export interface AcpSessionEnd {
  /**
   * `hung`: the agent did not end its turn in time although it was told to. `gone`: the connection
   * ended first, and whoever knows the process has to say why.
   */
  readonly how: "ended" | "hung" | "gone";
  /** How it ended, with all of the text that has come so far. */
  outcome(): RunOutcome;
  /** Nothing more is expected: ends what is still open. */
  close(outcome: RunOutcome): void;
}

export async function runAcpSession(
  connection: AcpConnection,
  context: RunContext,
  parts: SessionParts,
): Promise<AcpSessionEnd> {
  const talk = await createTalk(connection, context, parts);
  const { how, outcome } = await converse(talk).catch((error: unknown): TurnEnd => {
    if (connection.isClosed()) return { how: "gone", outcome: gone };
    talk.close({ status: "aborted" });
    throw error;
  });
  return {
    how,
    outcome() {
      const { text } = talk.updates.said();
      if (outcome.status === "completed") return { ...outcome, result: text };
      return { ...outcome, ...kept(text) };
    },
    close: talk.close,
  };
}

const gone: RunOutcome = {
  status: "error",
  error: agentError("runner_crashed", "The agent has gone in the middle of its run."),
};

interface Talk {
  connection: AcpConnection;
  context: RunContext;
  sessionMeta: Json | undefined;
  updates: Updates;
  attach: (sessionId: string) => void;
  replay: { begin(): void; end(): void };
  usage: () => TurnUsage | undefined;
  close: (outcome: RunOutcome) => void;
}

/** Puts together whoever listens and answers in the session. */
async function createTalk(
  connection: AcpConnection,
  context: RunContext,
  { processes, spawn, log, sessionMeta }: SessionParts,
): Promise<Talk> {
  let usage: TurnUsage | undefined;
  let isReplay = false;
  let detach = () => {};
  const ready = () => context.ready();
  const updates: Updates = createUpdates({
    context,
    subAgent: (update) => subAgents.take(update),
    usage: (update) => usage?.update(update),
  });
  const client: ClientSide = await createClientSide({
    ...{ context, processes, spawn, log },
    terminalOutput: (terminalId, text) => updates.toolCalls.terminalOutput(terminalId, text),
  });
  const subAgents: SubAgents = createSubAgents({
    context,
    connection,
    answer: client.answer,
    ready,
  });
  const side: SessionSide = {
    update(update) {
      if (!isReplay) updates.take(update);
    },
    answer: (method, params) => client.answer(updates, method, params),
    ready,
  };
  return {
    ...{ connection, context, sessionMeta, updates },
    attach(sessionId) {
      detach();
      usage = createTurnUsage(context, { name: connection.facts.name, sessionId });
      detach = connection.attach(sessionId, side);
    },
    replay: { begin: () => void (isReplay = true), end: () => void (isReplay = false) },
    usage: () => usage,
    close(outcome) {
      detach();
      subAgents.end(outcome);
      updates.end(outcome);
      client.close();
    },
  };
}

interface TurnEnd {
  outcome: RunOutcome;
  how: AcpSessionEnd["how"];
}

/** The prompt, and whatever messages come while it is worked on. */
async function converse(talk: Talk): Promise<TurnEnd> {
  const { connection, context } = talk;
  const warn = (text: string) => context.emit({ type: "note", level: "warning", text });
  const opening = openSession({ ...talk, warn });
  let opened: Awaited<typeof opening> | undefined;
  try {
    opened = await untilAborted(opening, context.signal);
  } catch (error) {
    return { outcome: failureOf(error, connection), how: "ended" };
  }
  if (opened === undefined) return { outcome: { status: "aborted" }, how: "hung" };

  const { profile, prompt } = context;
  const isFirst = opened.isNew && profile.prompt !== undefined && profile.runner.kind === "acp";
  let text = isFirst ? `${profile.prompt}\n\n${prompt}` : prompt;
  const waiting: string[] = [];
  let isTalking = true;
  context.onMessage((message) => {
    if (!isTalking) return "queued";
    waiting.push(message);
    return "injected";
  });
  try {
    for (;;) {
      const end = await takeTurn(talk, opened.sessionId, text);
      if (end.outcome.status !== "completed" || waiting.length === 0) return end;
      text = waiting.splice(0).join("\n\n");
    }
  } finally {
    isTalking = false;
    for (const message of waiting) {
      warn(`The run ended before its agent could be given this message: ${message.slice(0, 500)}`);
    }
  }
}

async function takeTurn(talk: Talk, sessionId: string, text: string): Promise<TurnEnd> {
  const { connection, context, updates } = talk;
  const { title } = connection.facts;
  context.emit({ type: "turn.started" });
  context.setActivity({ kind: "model", label: title });
  updates.turnStarted();
  const prompt = [{ type: "text", text }];
  const asked = connection.request(toAgent.prompt, { sessionId, prompt });
  let answer: Json | undefined;
  try {
    answer = await untilAborted(asked, context.signal);
    if (answer === undefined) {
      connection.notify(toAgent.cancel, { sessionId });
      answer = await untilLate(asked, context.grace.termAfterMs);
    }
  } catch (error) {
    updates.turnEnded("badly");
    context.emit({ type: "turn.completed", finishReason: "error" });
    if (context.signal.aborted) {
      return { outcome: { status: "aborted" }, how: error instanceof AcpError ? "ended" : "gone" };
    }
    return { outcome: failureOf(error, connection), how: "ended" };
  }
  const isAborted = context.signal.aborted;
  const outcome: RunOutcome = isAborted
    ? { status: "aborted" }
    : outcomeOfAnswer(answer ?? {}, title, updates.said());
  updates.turnEnded(outcome.status === "completed" ? "well" : "badly");
  tellTurn(talk, answer, outcome);
  return { outcome, how: answer === undefined ? "hung" : "ended" };
}

function tellTurn(talk: Talk, answer: Json | undefined, outcome: RunOutcome): void {
  const { context, connection, updates } = talk;
  const spent = answer && talk.usage()?.answered(answer);
  const known = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, costUsd: 0 };
  const { toolCalls } = updates.said();
  const stopReason = answer?.["stopReason"];
  context.emit({
    type: "turn.completed",
    ...(spent && { usage: { ...known, ...spent, turns: 1, toolCalls } }),
    finishReason: typeof stopReason === "string" ? stopReason : "cancelled",
  });
  const doubt =
    outcome.status === "completed" ? doubtOf(updates.said(), connection.facts.title) : undefined;
  if (doubt !== undefined) context.emit({ type: "note", level: "warning", text: doubt });
}

/** What the agent answered with; anything else means that it is gone, which is not known here. */
function failureOf(error: unknown, { facts }: AcpConnection): RunOutcome {
  if (!(error instanceof AcpError)) throw error;
  return { status: "error", error: errorOfAnswer(error, facts) };
}
