/**
 * Reads a program that prints lines of JSON. No line is fatal: only the result line and the exit
 * decide how the run ended.
 */
import type { FormatContext } from "./context.ts";
import type { RunErrorCode } from "../../../protocol/session.ts";
import type { Log } from "../../base/log.ts";
import { endOfText, labelOf, outputLines } from "../../processes/outputLines.ts";
import type { RunOutcome } from "../../sessions/endings.ts";
import { claudeStreamJson } from "./claudeStreamJson.ts";
import { codexJson } from "./codexJson.ts";
import type { Exit, Format, FormatName, FormatParts, ProgramInput } from "./format.ts";
import { geminiStreamJson } from "./geminiStreamJson.ts";
import type { Json } from "./json.ts";
import { jsonLines } from "./jsonLines.ts";
import { createNarration } from "./narration.ts";
import { opencodeJson } from "./opencodeJson.ts";
import { piJson } from "./piJson.ts";
import { qwenStreamJson } from "./qwenStreamJson.ts";
import { describeExit, exitFacts, kept, type Reading } from "./reading.ts";
import { runError } from "../../base/errors.ts";

/** In bytes. A longer line is dropped, because it would be in memory several times. */
const maxLineBytes = 8 * 1024 * 1024;

/** Every format and its reader. */
export const jsonFormats: { readonly [Name in FormatName]: (parts: FormatParts) => Format } = {
  "claude-stream-json": claudeStreamJson,
  "codex-json": codexJson,
  "gemini-stream-json": geminiStreamJson,
  "opencode-json": opencodeJson,
  "qwen-stream-json": qwenStreamJson,
  "pi-json": piJson,
};

/**
 * Whether a prompt on stdin makes the format a conversation; other formats get the plain prompt.
 */
export function isConversation(format: string, promptVia: string | undefined): boolean {
  return format === "claude-stream-json" && promptVia === "stdin";
}

export function readJson(parts: {
  name: FormatName;
  context: FormatContext;
  /** Only for a conversation. */
  stdin?: ProgramInput;
  /** How long a program may stay silent, without an exit, after its result line. */
  lingerMs: number;
  log: Log;
}): Reading {
  const { name, context, stdin, lingerMs, log } = parts;
  const narration = createNarration(context);
  const format = jsonFormats[name]({ context, narration, ...(stdin && { stdin }) });
  const complaint = endOfText(1024);
  const linger = createLinger(lingerMs);
  let hasBegun = false;

  const takeLine = (json: Json) => {
    hasBegun = true;
    try {
      format.line(json);
    } catch (err) {
      log.warn({ err, runId: context.runId, format: name }, "A line could not be understood.");
      narration.unknown(json);
    }
    linger.restart(format.isOver());
  };

  const other = outputLines((text) => context.emit({ type: "output", stream: "stdout", text }));
  const lines = jsonLines({
    mostBytes: maxLineBytes,
    object: takeLine,
    other: (text) => other.write(Buffer.from(text)),
    tooLong: (beginning) => {
      const text = `A line of more than ${maxLineBytes} bytes was dropped: ${beginning}…`;
      context.emit({ type: "note", level: "warning", text });
    },
  });
  const stderr = outputLines((text) => {
    context.emit({ type: "output", stream: "stderr", text });
    complaint.add(text);
  });

  return {
    stdout: {
      write: (chunk) => lines.write(chunk),
      flush() {
        lines.flush();
        other.flush();
      },
    },
    stderr,
    over: linger.over,
    needsAllOutput: true,
    open: (input) => format.conversation?.open(input ?? ""),
    interrupt() {
      format.conversation?.interrupt();
      return format.conversation !== undefined;
    },
    outcome(exit) {
      const lastWords = labelOf(complaint.text());
      return (
        format.verdict(exit) ??
        withoutVerdict({ name, exit, hasBegun, lastWords }, narration.run.lastText())
      );
    },
    result: () => narration.run.lastText(),
    end(outcome) {
      linger.stop();
      narration.end(outcome);
    },
  };
}

/** A program that ended without a result line never counts as a success. */
function withoutVerdict(
  facts: { name: FormatName; exit: Exit | undefined; hasBegun: boolean; lastWords: string },
  lastText: string,
): RunOutcome {
  const { name, exit = [0, null], hasBegun, lastWords } = facts;
  const words = lastWords === "" ? "" : `: ${lastWords}`;
  const message = `${describeExit(exit)} without the result line of ${name}${words}`;
  const code = codeWithoutVerdict(exit, hasBegun);
  return { status: "error", error: runError(code, message, exitFacts(exit)), ...kept(lastText) };
}

/** A program that printed nothing was started wrongly, so a retry would not help. */
function codeWithoutVerdict([exitCode]: Exit, hasBegun: boolean): RunErrorCode {
  if (exitCode === 0) return "protocol_error";
  return hasBegun || exitCode === null ? "runner_crashed" : "exit_nonzero";
}

/** Some programs never exit, so the exit is awaited only briefly after the result line. */
function createLinger(ms: number): {
  over: Promise<void>;
  restart(isOver: boolean): void;
  stop(): void;
} {
  const { promise, resolve } = Promise.withResolvers<void>();
  let timer: NodeJS.Timeout | undefined;
  return {
    over: promise,
    restart(isOver) {
      clearTimeout(timer);
      timer = isOver ? setTimeout(resolve, ms) : undefined;
    },
    stop: () => clearTimeout(timer),
  };
}
