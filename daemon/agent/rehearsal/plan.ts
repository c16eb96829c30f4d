/** What a plan of the rehearsal is, and what plans share. */

/** One turn of a plan: what it says, and the calls that it wants the results of. */
export interface PlanStep {
  say: string;
  calls: { name: string; input: object }[];
}

export interface Reply {
  text: string;
  failed: boolean;
  /** The answer as data, where the tool has it. */
  data?: unknown;
}

/** Yields turns, gets the results of each, and returns its last text. */
export type Plan = Generator<PlanStep, string, Reply[]>;

export interface PlanWorld {
  has(tool: string): boolean;
}

export const disclaimer = "This is Offshoot's rehearsal: a fixed plan, no language model.";

/** Lines of an answer without the notes in brackets that tools put around them. */
export function matchesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("["));
}
