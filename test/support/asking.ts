/** Runs that ask people, inside the test's own process. */
import type { RunOutcome } from "../../daemon/sessions/endings.ts";
import type { ApprovalAnswer, ApprovalQuestion, RunContext } from "../../daemon/runners/runner.ts";
import type { Approval } from "../../protocol/approvals.ts";
import type { TestParts } from "./inProcess.ts";
import { waitFor } from "./waitFor.ts";

export const removal: ApprovalQuestion = {
  toolName: "shell",
  kind: "execute",
  title: "remove",
  input: { command: "rm -r x" },
  subject: "rm -r x",
};

/** Asks one thing, notes the answer, and is done with it. */
export function runThatAsks(answers: ApprovalAnswer[], question: () => ApprovalQuestion) {
  return async ({ ask, signal }: RunContext): Promise<RunOutcome> => {
    answers.push(await ask(question()));
    return signal.aborted ? { status: "aborted" } : { status: "completed", result: "done" };
  };
}

/** The approval that a session's run asks for. */
export async function approvalOf(parts: TestParts, sessionId: string): Promise<Approval> {
  const requested = () =>
    parts.of("approval/requested").find(({ approval }) => approval.sessionId === sessionId);
  return (await waitFor(requested, "the question")).approval;
}
