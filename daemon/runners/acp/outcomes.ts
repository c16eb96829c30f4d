/** Decides how a run ended from what its agent answered: by types and codes, never by a text. */
import { RunErrorCode, type RunError } from "../../../protocol/session.ts";
import { isJson, numberIn, objectIn, textIn, type Json } from "../formats/json.ts";
import { kept } from "../formats/reading.ts";
import { labelOf } from "../../processes/outputLines.ts";
import type { RunOutcome } from "../../sessions/endings.ts";
import type { AgentFacts } from "./connection.ts";
import { AcpError, errorCodes } from "./names.ts";
import { codeOfStatus, runError } from "../../base/errors.ts";

/** The outcome by the stop reason in the answer to a prompt. */
export function outcomeOfAnswer(
  answer: Json,
  agent: string,
  said: { text: string; denials: number },
): RunOutcome {
  const result = said.text;
  const failed = (code: RunErrorCode, message: string): RunOutcome => ({
    status: "error",
    error: runError(code, message),
    ...kept(result),
  });
  switch (answer["stopReason"]) {
    case "end_turn":
      return { status: "completed", result };
    case "max_tokens":
      return failed("budget_exceeded", `${agent} has reached the token limit of its model.`);
    case "max_turn_requests":
      return failed("max_turns", `${agent} has reached its own limit of model calls in one turn.`);
    case "refusal":
      return failed("refused", `${agent} refused to go on.`);
    case "cancelled":
      return failed(
        "aborted",
        said.denials > 0
          ? `${agent} gave up its turn when it was not allowed what it wanted.`
          : `${agent} says that its turn was cancelled, which nobody asked for.`,
      );
    default: {
      const reason = JSON.stringify(answer["stopReason"] ?? null);
      return failed("protocol_error", `${agent} ended its turn for an unknown reason: ${reason}`);
    }
  }
}

/** The error of a run by the error that a request was answered with. */
export function errorOfAnswer(error: AcpError, facts: AgentFacts | undefined): RunError {
  const agent = facts?.title ?? "The agent";
  const data = isJson(error.data) ? error.data : {};
  // Errors of Offshoot's own agent carry the codes of the core.
  const own = RunErrorCode.safeParse(data["code"]).data;
  if (error.code === errorCodes.authRequired && facts !== undefined && own === undefined) {
    return runError("auth", authMessage(facts));
  }
  const detail = textIn(data, "details", "message") ?? textIn(objectIn(data, "error"), "message");
  const words = labelOf(detail === undefined ? error.message : `${error.message}: ${detail}`);
  const message = own === undefined ? `${agent} answered with an error: ${words}` : error.message;
  const retryAfterMs = numberIn(data, "retryAfterMs");
  const code = own ?? codeOfError(error.code, data);
  return runError(code, message, retryAfterMs === undefined ? {} : { retryAfterMs });
}

/** Codes which say that one side did not understand the other. */
const protocolFaults = [-32700, -32600, errorCodes.methodNotFound, errorCodes.invalidParams];

function codeOfError(code: number, data: Json): RunErrorCode {
  const status = ["status", "statusCode", "httpStatus", "httpStatusCode"]
    .map((name) => numberIn(data, name))
    .find((one) => one !== undefined);
  const ofStatus = codeOfStatus(status);
  if (ofStatus !== undefined) return ofStatus;
  if (code === errorCodes.authRequired) return "auth";
  if (code === errorCodes.resourceNotFound) return "invalid_request";
  return protocolFaults.includes(code) ? "protocol_error" : "internal";
}

/** Says how to sign in, in the agent's own names for its ways to sign in. */
function authMessage({ title, authMethods }: AgentFacts): string {
  const ways = authMethods.map((method) => {
    const name = textIn(method, "name", "id") ?? "";
    const description = textIn(method, "description");
    return description === undefined ? name : `${name} (${description})`;
  });
  const offered = ways.length === 0 ? "" : ` It offers: ${ways.join("; ")}.`;
  return (
    `${title} wants you to sign in first.${offered} Sign in once with the agent's own program, ` +
    `or put its key into "env" of the agent's runner.`
  );
}

/**
 * Some agents complete their turn after nothing but errors of their model's provider, which they
 * send as text. The outcome stays as the agent has it; a note says that the text looks like an
 * error.
 */
export function doubtOf(
  said: { text: string; toolCalls: number },
  agent: string,
): string | undefined {
  if (said.toolCalls > 0) return undefined;
  const text = said.text.trim();
  if (text === "") return `${agent} ended its turn without a word. Its own log may say why.`;
  if (text.length > maxErrorText || !errorWords.test(text)) return undefined;
  return `${agent} says that it ended its turn well, but all that it said looks like an error: ${labelOf(text)}`;
}

const maxErrorText = 2000;

const errorWords =
  /^\W*(?:\w+ )?(?:error|fatal|exception)\b|\b(?:api|internal server|stream|http|server|network) error\b|\b(?:status|code|http)\W{0,3}(?:code\W{0,3})?[45]\d\d\b|\b(?:exceeded retry limit|stream disconnected|connection (?:failed|refused|error))\b/i;
