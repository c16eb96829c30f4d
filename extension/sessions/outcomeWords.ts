/** The words for how a run ended: each fact once, in the fewest words. Pure. */
import type { RunError, TerminalStatus } from "../../protocol/session.ts";
import { joined, oneLine } from "../base/text.ts";

/** A session that has ended, or the completion of a run. */
export interface Outcome {
  status: TerminalStatus;
  error?: RunError | undefined;
  reason?: string | undefined;
  /** False: not written to the store yet. */
  stored: boolean;
}

const longestReason = 200;

/** `cancelled by user`, `exited with code 3`, `interrupted: the daemon ended`; empty for success. */
export function outcomeText(outcome: Outcome): string {
  const { status } = outcome;
  const why = whyEnded(outcome);
  if (status === "completed") return why;
  // The icon says that it is an error.
  if (status === "error") return why === "" ? "failed" : why;
  if (status === "cancelled" && /^(by|before) /.test(why)) return `cancelled ${why}`;
  return joined([status === "timeout" ? "timed out" : status, why], ": ");
}

/** The reason for the end, without the state; may be empty. */
export function whyEnded({ status, error, reason, stored }: Outcome): string {
  const said = error?.message ?? "";
  switch (status) {
    case "completed":
      return stored ? "" : "not on disk yet";
    case "error":
      return oneLine(said === "" ? reasonText(reason) : said, longestReason);
    case "cancelled":
      // A reason that somebody gave says more than who cancelled.
      return oneLine(reasonText(reason) || (cancelWords[said] ?? said), longestReason);
    case "timeout":
      return idleText(said);
    case "interrupted":
      return oneLine(reason === undefined ? said : reasonText(reason), longestReason);
    case "skipped":
      return "nothing to do";
  }
}

/** A reason code of the daemon in words; any other reason was written by a person. */
export function reasonText(reason: string | undefined): string {
  return reason === undefined ? "" : (reasons[reason] ?? reason);
}

const reasons: Readonly<Record<string, string>> = {
  host_restart: "the daemon ended",
  host_shutdown: "the daemon was stopped",
  runner_lost: "its agent was lost",
};

/** The daemon's own sentences, without the word that the state says already. */
const cancelWords: Readonly<Record<string, string>> = {
  "Cancelled by user": "by user",
  "Cancelled by parent": "by its parent",
  "Cancelled before start": "before it started",
};

/** Empty for a run that took too long: its duration is shown beside it. */
function idleText(said: string): string {
  const [, seconds] = /idle timeout after (\d+) seconds/.exec(said) ?? [];
  return seconds === undefined ? "" : `no event for ${seconds}s`;
}
