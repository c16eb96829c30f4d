/** The interface of a reader of a program's output, which each format implements. */
import type { OutputLines } from "../../processes/outputLines.ts";
import type { RunOutcome } from "../../sessions/endings.ts";
import type { Exit } from "./format.ts";

export interface Reading {
  /** Takes the bytes that the program writes. */
  readonly stdout: Pick<OutputLines, "write" | "flush">;
  readonly stderr: Pick<OutputLines, "write" | "flush">;
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
