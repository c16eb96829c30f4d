import type { RunContext } from "../runner.ts";

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
