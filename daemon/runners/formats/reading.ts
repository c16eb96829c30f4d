/** What becomes of a program's output, whatever its format: the one thing that differs between them. */
import type { OutputLines } from "../outputLines.ts";
import type { RunOutcome } from "../runner.ts";
import type { Exit } from "./format.ts";

export interface Reading {
  /** Where the bytes go that the program writes. */
  readonly stdout: Pick<OutputLines, "write" | "flush">;
  readonly stderr: Pick<OutputLines, "write" | "flush">;
  /** Resolves when the program has said that it is at its end, and then did not exit. */
  readonly over: Promise<void>;
  /** What is known only once all of stdout was read: then it is waited for before the run ends. */
  readonly needsAllOutput: boolean;
  /** Gives the program its prompt on stdin, where it is to have it there. */
  open(input: string | undefined): void;
  /** Says the polite word; false where there is none. */
  interrupt(): boolean;
  /** How the attempt ended. `exit` is absent when the program has not exited by itself. */
  outcome(exit: Exit | undefined): RunOutcome;
  /** The last text so far. */
  result(): string;
  /** Nothing more is read. */
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
