/**
 * The interface of a format: what the JSON lines of one kind of program mean. A format knows nothing
 * of processes; whoever runs the program knows nothing of its lines.
 */
import type { CommandRunner } from "../../../protocol/config.ts";
import type { RunContext, RunOutcome } from "../runner.ts";
import type { Json } from "./json.ts";
import type { Narration } from "./narration.ts";

export type FormatName = Exclude<NonNullable<CommandRunner["format"]>, "text">;

/** How a program ended by itself. */
export type Exit = [exitCode: number | null, signal: NodeJS.Signals | null];

/** The part of a run's context that formats need. */
export type FormatContext = Pick<
  RunContext,
  | "runId"
  | "attempt"
  | "prompt"
  | "emit"
  | "addUsage"
  | "ask"
  | "onMessage"
  | "adopt"
  | "describe"
  | "remembered"
  | "remember"
  | "setActivity"
>;

/** The stdin of a program that is spoken to while it runs. */
export interface ProgramInput {
  /** Writes one line of JSON; false when the program takes none any more. */
  send(message: Json): boolean;
  close(): void;
}

export interface FormatParts {
  context: FormatContext;
  narration: Narration;
  /** Only for a format that is used both ways. */
  stdin?: ProgramInput;
}

export interface Format {
  /** Takes one line of stdout. May throw: then the line is told as one that was not understood. */
  line(json: Json): void;
  /**
   * What the program itself said of its end, by the result line of its format; nothing while it has
   * not said it. `exit` is absent when it has not exited.
   */
  verdict(exit?: Exit): RunOutcome | undefined;
  /** Its last turn has ended and nothing more is expected but its exit. */
  isOver(): boolean;
  /** Both ways only. */
  readonly conversation?: {
    /** Says the first thing; the program answers with lines. */
    open(prompt: string): void;
    /** The polite word: the turn shall end now. */
    interrupt(): void;
  };
}
