/**
 * One run in one session of an agent: opens the session, sends the prompt, emits what comes, and
 * cancels the turn when the run has to end. Knows nothing of the agent's process.
 */
import type { RunOutcome } from "../../sessions/endings.ts";
import type { Log } from "../../base/log.ts";
import { isJson, type Json } from "../formats/json.ts";
import { kept } from "../formats/reading.ts";
import type { Processes } from "../../processes/processes.ts";
import type { RunContext } from "../runner.ts";
import { createClientSide, type ClientSide } from "./clientSide.ts";
import type { AcpConnection, SessionSide } from "./connection.ts";
import { createMessages, metaOf, type Messages } from "./messages.ts";
import { AcpError, toAgent } from "./names.ts";
import { doubtOf, errorOfAnswer, outcomeOfAnswer } from "./outcomes.ts";
import { openSession } from "./setUp.ts";
import { createSubAgents, type SubAgents } from "./subAgents.ts";
import { createUpdates, type Updates } from "./updates.ts";
import { createTurnUsage, type TurnUsage } from "./usage.ts";
import { untilAborted, withTimeout } from "../../base/until.ts";
import { runError } from "../../base/errors.ts";

export interface SessionParts {
  processes: Processes;
  log: Log;
  /** What Offshoot's own agent gets under `_meta.offshoot` when the session is opened. */
  sessionMeta?: Json;
}

export interface AcpSessionEnd {
  /**
   * `hung`: the agent did not end its turn in time after a cancel. `gone`: the connection ended
   * first; the caller, who knows the process, says why. `paused`: between two turns, because the
   * run was to pause.
   */
  readonly how: "ended" | "hung" | "gone" | "paused";
  /** The outcome, with all text that has come so far. */
  outcome(): RunOutcome;
  /** Ends what is still open; nothing more is expected. */
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
  error: runError("runner_crashed", "The agent ended in the middle of its run."),
};

type Talk = Awaited<ReturnType<typeof createTalk>>;

/** Creates the parts that receive and answer in the session. */
async function createTalk(
  connection: AcpConnection,
  context: RunContext,
  { processes, log, sessionMeta }: SessionParts,
) {
  let usage: TurnUsage | undefined;
  let isReplay = false;
  let spoke = () => {};
  let detach = () => {};
  const ready = () => context.ready();
  const updates: Updates = createUpdates({
    context,
    subAgent: (update) => subAgents.take(update),
    usage: (update) => usage?.update(update),
  });
  const client: ClientSide = await createClientSide({
    ...{ context, processes, log },
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
      if (isReplay) return;
      spoke();
      updates.take(update);
    },
    answer: (method, params) => client.answer(updates, method, params),
    ready,
  };
  return {
    ...{ connection, context, sessionMeta, updates },
    attach(sessionId: string): void {
      detach();
      usage = createTurnUsage(context, { name: connection.facts.name, sessionId });
      detach = connection.attach(sessionId, side);
    },
    replay: { begin: () => void (isReplay = true), end: () => void (isReplay = false) },
    usage: () => usage,
    /** Sets the listener that is called when the agent says something. */
    onWord: (listener: () => void) => void (spoke = listener),
    close(outcome: RunOutcome): void {
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

/** Sends the prompt, then the messages that came meanwhile. */
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

  const { sessionId, isNew } = opened;
  const { profile } = context;
  const prompt = isNew ? context.prompt : (context.sincePause ?? context.prompt);
  const isFirst = isNew && profile.prompt !== undefined && profile.runner.kind === "acp";
  const messages = createMessages({ connection, context, sessionId });
  talk.onWord(() => messages.agentSpoke());
  try {
    let text: string | undefined = isFirst ? `${profile.prompt}\n\n${prompt}` : prompt;
    for (;;) {
      const end = await takeTurn(talk, { sessionId, text, messages });
      const goesOn = end.outcome.status === "completed" && context.hasTurnLeft();
      text = goesOn ? messages.next() : undefined;
      if (text === undefined) return end;
    }
  } finally {
    messages.close();
  }
}

async function takeTurn(
  talk: Talk,
  { sessionId, text, messages }: { sessionId: string; text: string; messages: Messages },
): Promise<TurnEnd> {
  const { connection, context, updates } = talk;
  const { title } = connection.facts;
  context.emit({ type: "turn.started" });
  context.setActivity({ kind: "model", label: title });
  updates.turnStarted();
  const prompt = [{ type: "text", text }];
  const asked = connection.request(toAgent.prompt, { sessionId, prompt });
  messages.promptSent();
  let answer: Json | undefined;
  try {
    answer = await untilAborted(asked, context.signal);
    if (answer === undefined) {
      connection.notify(toAgent.cancel, { sessionId });
      answer = await withTimeout(asked, context.grace.termAfterMs);
    }
    if (answer !== undefined) await messages.promptEnded(metaOf(answer));
  } catch (error) {
    if (error instanceof AcpError) {
      await messages.promptEnded(isJson(error.data) ? error.data : {});
    }
    updates.turnEnded("badly");
    context.emit({ type: "turn.completed", finishReason: "error" });
    if (context.signal.aborted) {
      return { outcome: { status: "aborted" }, how: error instanceof AcpError ? "ended" : "gone" };
    }
    return { outcome: failureOf(error, connection), how: "ended" };
  }
  const isAborted = context.signal.aborted;
  if (!isAborted && isPaused(answer, context)) {
    updates.turnEnded("well");
    tellTurn(talk, { ...answer, stopReason: "paused" }, { status: "aborted" });
    return { outcome: { status: "aborted" }, how: "paused" };
  }
  const outcome: RunOutcome = isAborted
    ? { status: "aborted" }
    : outcomeOfAnswer(answer ?? {}, title, updates.said());
  updates.turnEnded(outcome.status === "completed" ? "well" : "badly");
  tellTurn(talk, answer, outcome);
  return { outcome, how: answer === undefined ? "hung" : "ended" };
}

/** Whether Offshoot's own agent ended its prompt between two turns, as it was asked to. */
function isPaused(answer: Json | undefined, { profile }: RunContext): boolean {
  return profile.runner.kind === "model" && metaOf(answer)["paused"] === true;
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

/**
 * The outcome of an error answer. Any other error means that the agent has ended, and is thrown.
 */
function failureOf(error: unknown, { facts }: AcpConnection): RunOutcome {
  if (!(error instanceof AcpError)) throw error;
  return { status: "error", error: errorOfAnswer(error, facts) };
}
