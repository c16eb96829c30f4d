/** Decides whether a call may act: by the rules, by the mode, and by asking the client. */
import type { RequestPermissionResponse } from "@agentclientprotocol/sdk";
import { PermissionMeta } from "./contract/meta.ts";
import type { ToolCall } from "./model/model.ts";
import { ruleFor } from "./permissions.ts";
import type { Mode, Rule } from "./permissions.ts";
import { decide, type Action } from "../base/rulePatterns.ts";
import { messageOf } from "../base/errors.ts";
import type { PreparedCall, Tool } from "./tools/tool.ts";
import { permissionOptions } from "./updates.ts";
import type { SessionClient } from "./updates.ts";

export interface PermitWorld {
  mode(): Mode;
  /** The client's rules, then those that answers added for the rest of the session. */
  rules: Rule[];
  client: SessionClient;
}

/** A call that its tool has prepared. */
export interface ReadyCall {
  toolCallId: string;
  call: ToolCall;
  tool: Tool;
  prepared: PreparedCall;
}

export interface Refusal {
  status: "failed" | "denied" | "cancelled";
  /** The text that the model reads. */
  text: string;
}

export const cancelledCall: Refusal = { status: "cancelled", text: "cancelled by the user" };

/** Returns the call, perhaps with the input that a person gave instead, or why it may not act. */
export async function permit(
  ready: ReadyCall,
  world: PermitWorld,
  signal: AbortSignal,
): Promise<{ prepared: PreparedCall } | { refusal: Refusal }> {
  const { tool, prepared } = ready;
  const action: Action = { toolName: tool.name, kind: tool.kind, subject: prepared.subject };
  const permissions = { mode: world.mode(), rules: world.rules };
  const decision = prepared.needsNoPermission ? "allow" : decide(permissions, action);
  if (decision === "allow") return { prepared };
  if (decision === "deny") {
    const isPlan = world.mode() === "plan";
    return denied(isPlan ? ": the mode is plan, which is read only" : ": a rule forbids it");
  }
  let answer: RequestPermissionResponse;
  try {
    const { subject } = prepared;
    answer = await world.client.askPermission(described(ready), { subject, signal });
  } catch (error) {
    if (signal.aborted) return { refusal: cancelledCall };
    return denied(`: the question failed (${messageOf(error)})`);
  }
  if (signal.aborted) return { refusal: cancelledCall };
  const { outcome, _meta } = answer;
  const { input, message } = PermissionMeta.safeParse(_meta?.["offshoot"]).data ?? {};
  // The protocol defines answers by the kind of the option; "cancelled" has none.
  const kind =
    outcome.outcome === "selected"
      ? permissionOptions.find(({ optionId }) => optionId === outcome.optionId)?.kind
      : undefined;
  if (kind === "allow_always") world.rules.push(ruleFor(action, "allow"));
  if (kind === "reject_always") world.rules.push(ruleFor(action, "deny"));
  if (kind !== "allow_once" && kind !== "allow_always") {
    return denied(message === undefined ? " by the user" : ` by the user: ${message}`);
  }
  return input === undefined ? { prepared } : await prepareChanged(ready, input, world);
}

function denied(why: string): { refusal: Refusal } {
  return { refusal: { status: "denied", text: `denied${why}` } };
}

/** Prepares the input that a person gave as strictly as the model's. */
async function prepareChanged(
  ready: ReadyCall,
  input: unknown,
  { client }: PermitWorld,
): Promise<{ prepared: PreparedCall } | { refusal: Refusal }> {
  try {
    const prepared = await ready.tool.prepare(input);
    const call = { ...ready.call, input };
    client.update({
      sessionUpdate: "tool_call_update",
      ...described({ ...ready, call, prepared }),
    });
    return { prepared };
  } catch (error) {
    const text = `the input that the user changed is wrong: ${messageOf(error)}`;
    return { refusal: { status: "failed", text } };
  }
}

/** The call as a client shows it. */
export function described({ toolCallId, call, tool, prepared }: ReadyCall) {
  const { title, locations, content } = prepared;
  return {
    toolCallId,
    title,
    name: tool.shownName ?? tool.name,
    kind: tool.kind,
    rawInput: call.input,
    ...(locations === undefined ? {} : { locations }),
    ...(content === undefined ? {} : { content }),
  };
}
