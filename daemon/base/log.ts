/** The log of a process: JSON lines, to a file in the state folder or to stderr. */
import { pino } from "pino";

/** A log of facts, each line with a sentence. */
export interface Log {
  debug(facts: object, sentence: string): void;
  info(facts: object, sentence: string): void;
  warn(facts: object, sentence: string): void;
  error(facts: object, sentence: string): void;
}

/** A log that appends to `file`, or to stderr without one. Errors belong under the name `err`. */
export function openLog(file: string | undefined): Log {
  const level = process.env["OFFSHOOT_LOG"] ?? "info";
  const timestamp = pino.stdTimeFunctions.isoTime;
  return pino({ level, timestamp }, pino.destination({ dest: file ?? 2, mkdir: true, sync: true }));
}
