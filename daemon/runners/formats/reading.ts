/** Reads what a program writes, by the interface that each format implements. */
import type { Readable } from "node:stream";
import type { Log } from "../../base/log.ts";
import type { OutputLines } from "../../processes/outputLines.ts";
import type { RunOutcome } from "../../sessions/endings.ts";
import type { RunContext } from "../runner.ts";
import type { Exit } from "./format.ts";

export interface Reading {
  /** Takes the bytes that the program writes. */
  readonly stdout: OutputLines;
  readonly stderr: OutputLines;
  /** Resolves when the program has printed its result line and then did not exit. */
  readonly over: Promise<void>;
  /** Whether the outcome needs all of stdout, which is then awaited before the run ends. */
  readonly needsAllOutput: boolean;
  /** Writes the prompt to stdin, where the profile says so. */
  open(input: string | undefined): void;
  /** Asks the program to end its turn; false where the format cannot. */
  interrupt(): boolean;
  /** The outcome of the attempt. `exit` is absent when the program has not exited by itself. */
  outcome(exit: Exit | undefined): RunOutcome;
  /** The last text so far. */
  result(): string;
  /** Stops reading. */
  end(outcome: RunOutcome): void;
}

/** Reads a pipe, never faster than the store can take. */
export function readOutput(
  stream: Readable | null,
  context: RunContext,
  log: Log,
  lines: OutputLines,
) {
  let waiting = false;
  let stopped = false;
  const read = async () => {
    try {
      for await (const chunk of stream ?? []) {
        if (stopped) return;
        lines.write(chunk as Buffer);
        waiting = true;
        await context.ready();
        waiting = false;
      }
    } catch (err) {
      if (!stopped) log.warn({ err, runId: context.runId }, "Reading a program's output failed.");
    }
    if (!stopped) lines.flush();
  };
  return {
    /** Settles when the stream has ended and all of it was emitted. */
    closed: read(),
    /** Whether what was read waits for the store. */
    isWaiting: () => waiting,
    /** Emits what is held and stops reading. */
    stop() {
      if (stopped) return;
      lines.flush();
      stopped = true;
      stream?.destroy();
    },
  };
}

export function describeExit([exitCode, signal]: Exit): string {
  return signal ? `ended by signal ${signal}` : `exited with code ${exitCode}`;
}

export function exitFacts([exitCode, signal]: Exit): { exitCode?: number; signal?: string } {
  return {
    ...(exitCode === null ? {} : { exitCode }),
    ...(signal === null ? {} : { signal }),
  };
}

export function kept(result: string): { result?: string } {
  return result === "" ? {} : { result };
}
