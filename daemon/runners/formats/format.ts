/**
 * The interface of a format, which interprets the JSON lines of one kind of program. A format knows
 * nothing of processes; the runner knows nothing of lines.
 */
import type { RunOutcome } from "../../sessions/endings.ts";
import type { CommandRunner } from "../../../protocol/config.ts";
import type { FormatContext } from "./context.ts";
import type { Json } from "./json.ts";
import type { Narration } from "./narration.ts";

export type FormatName = Exclude<NonNullable<CommandRunner["format"]>, "text">;

/** How a program ended by itself. */
export type Exit = [exitCode: number | null, signal: NodeJS.Signals | null];

/** The stdin of a program that takes messages while it runs. */
export interface ProgramInput {
  /** Writes one line of JSON; false when stdin is closed. */
  send(message: Json): boolean;
  close(): void;
}

export interface FormatParts {
  context: FormatContext;
  narration: Narration;
  /** Only for a format with both directions. */
  stdin?: ProgramInput;
}

export interface Format {
  /** Takes one line of stdout. May throw: then a note shows the line. */
  line(json: Json): void;
  /**
   * The outcome by the result line of the format; undefined before that line. `exit` is absent
   * while the program runs.
   */
  verdict(exit?: Exit): RunOutcome | undefined;
  /** Whether the last turn has ended and only the exit is awaited. */
  isOver(): boolean;
  /** Only for a format with both directions. */
  readonly conversation?: {
    /** Sends the prompt. */
    open(prompt: string): void;
    /** Asks the program to end its turn. */
    interrupt(): void;
  };
}
