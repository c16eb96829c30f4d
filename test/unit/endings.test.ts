import { deepEqual, equal } from "node:assert/strict";
import {
  beforeStart,
  endingOf,
  interrupted,
  type EndCause,
  type Ending,
  type RunOutcome,
} from "../../daemon/sessions/endings.ts";
import { finalCodes, retryableCodes } from "../../protocol/session.ts";
import { runError } from "../../daemon/base/errors.ts";

const aborted: RunOutcome = { status: "aborted" };
const byUser: EndCause = { kind: "cancelled", by: "user" };
const byParent: EndCause = { kind: "cancelled", by: "parent", reason: "no longer needed" };
const total: EndCause = { kind: "totalTimeout", afterMs: 61_999, maxMs: 60_000 };
const idle: EndCause = { kind: "idleTimeout", afterMs: 900_400, maxMs: 900_000 };

function words(ending: Ending): [string, string | undefined, string | undefined] {
  return [ending.status, ending.error?.code, ending.error?.message];
}

describe("endings", () => {
  it("say in the exact words why a run did not start", () => {
    deepEqual(
      [
        beforeStart.notFound(),
        beforeStart.unreadable(new Error("the row is torn")),
        beforeStart.isRoot(),
        beforeStart.nothingToDo(),
        beforeStart.cancelled(),
      ].map(words),
      [
        ["error", "invalid_request", "child session not found"],
        ["error", "internal", "failed to load child session: the row is torn"],
        ["error", "invalid_request", "spawn job child session is not kind=child"],
        ["skipped", "invalid_request", "No pending message to execute"],
        ["cancelled", "aborted", "Cancelled before start"],
      ],
    );
    equal(beforeStart.cancelled("because").reason, "because");
  });

  it("say in the exact words why a run was made to end", () => {
    const causes: EndCause[] = [
      byUser,
      byParent,
      { kind: "deleted" },
      total,
      idle,
      { kind: "budget", code: "max_turns", message: "turns are used up" },
      { kind: "budget", code: "budget_exceeded", message: "money is used up" },
      { kind: "shutdown" },
      { kind: "replaced" },
    ];
    deepEqual(
      causes.map((cause) => words(endingOf(aborted, [cause]))),
      [
        ["cancelled", "aborted", "Cancelled by user"],
        ["cancelled", "aborted", "Cancelled by parent"],
        ["cancelled", "aborted", "Child session deleted while running"],
        ["timeout", "aborted", "Child session timed out after 61 seconds (max_total_secs=60)"],
        [
          "timeout",
          "aborted",
          "Child session idle timeout after 900 seconds without events (max_idle_secs=900)",
        ],
        ["error", "max_turns", "turns are used up"],
        ["error", "budget_exceeded", "money is used up"],
        ["interrupted", "aborted", "Interrupted: the core was stopped while this ran"],
        ["cancelled", "aborted", "Cancelled by user"],
      ],
    );
    equal(endingOf(aborted, [byParent]).reason, "no longer needed");
    equal(endingOf(aborted, [{ kind: "shutdown" }]).reason, "host_shutdown");
  });

  it("let what ended by itself win over every cause that came too late", () => {
    const causes = [byUser, total, { kind: "deleted" } as const];
    deepEqual(endingOf({ status: "completed", result: "done" }, causes), {
      status: "completed",
      result: "done",
    });
    const error = runError("exit_nonzero", "exited with code 3");
    deepEqual(endingOf({ status: "error", error, result: "so far" }, causes), {
      status: "error",
      error,
      result: "so far",
    });
  });

  it("let a time-out win over a cancel, and otherwise what came first", () => {
    equal(endingOf(aborted, [byUser, idle]).status, "timeout");
    equal(endingOf(aborted, [total, byUser]).status, "timeout");
    equal(endingOf(aborted, [byParent, { kind: "shutdown" }]).status, "cancelled");
    equal(endingOf(aborted, [{ kind: "shutdown" }, byUser]).status, "interrupted");
  });

  it("keep what was said so far", () => {
    const ending = endingOf({ status: "aborted", result: "half of it" }, [byUser]);
    equal(ending.result, "half of it");
  });

  it("call it a fault when a runner stops without having been asked to", () => {
    deepEqual(words(endingOf(aborted, [])), [
      "error",
      "internal",
      "the runner stopped without being asked to",
    ]);
  });

  it("name the reason of every interruption", () => {
    for (const reason of ["host_restart", "host_shutdown", "runner_lost"] as const) {
      const { status, error, reason: told } = interrupted(reason);
      deepEqual([status, error?.code, told], ["interrupted", "aborted", reason]);
    }
  });

  it("know which errors are retryable", () => {
    deepEqual(
      [...retryableCodes, ...finalCodes].filter((code) => runError(code, "").retryable),
      ["throttled", "network", "overloaded", "server_error", "runner_crashed"],
    );
    deepEqual([...finalCodes].sort(), [
      "aborted",
      "auth",
      "budget_exceeded",
      "command_not_found",
      "cwd_not_found",
      "exit_nonzero",
      "internal",
      "invalid_request",
      "max_turns",
      "protocol_error",
      "quota",
      "refused",
    ]);
  });
});
