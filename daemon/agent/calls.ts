/** One tool call from the model's words to the result that the model reads. */
import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { ToolResultPart } from "ai";
import type { RequestPermissionResponse } from "@agentclientprotocol/sdk";
import { boundOutput } from "./longOutput.ts";
import { PermissionMeta } from "./meta.ts";
import type { ToolCall } from "./model/model.ts";
import { decide, ruleFor } from "./permissions.ts";
import type { Action, Mode, Rule } from "./permissions.ts";
import type { Redaction } from "./redaction.ts";
import { messageOf } from "./runErrors.ts";
import { textContent } from "./tools/tool.ts";
import type { PreparedCall, Tool } from "./tools/tool.ts";
import { permissionOptions } from "./updates.ts";
import type { SessionClient } from "./updates.ts";

/** What all calls of a session share. */
export interface CallWorld {
  tools: ReadonlyMap<string, Tool>;
  mode(): Mode;
  /** The client's rules, then those of answers that hold for the session; the latter are added. */
  rules: Rule[];
  client: SessionClient;
  redaction: Redaction;
  scratchDir: string;
}

interface CallResult {
  status: "completed" | "failed" | "denied" | "cancelled";
  text: string;
  data?: unknown;
}

/** What the model reads, and the same as data where the tool has it. */
export interface ExecutedCall {
  part: ToolResultPart;
  data: unknown;
}

/** A tool that ignores its signal is not waited for any longer; ending a command takes 3 s. */
const cancelTakesMs = 4_000;
const showEveryMs = 500;

/**
 * The calls of one turn, side by side; the client hears of them in their order. Never rejects:
 * whatever goes wrong is a result that the model can act on.
 */
export async function executeCalls(
  calls: readonly ToolCall[],
  world: CallWorld,
  promptSignal: AbortSignal,
): Promise<ExecutedCall[]> {
  const looked = await Promise.all(calls.map((call) => lookAt(call, world)));
  for (const one of looked) announce(one, world);
  return await Promise.all(
    looked.map((one) => {
      // Its own signal, since Node warns of a leak when many calls listen to one.
      const signal = AbortSignal.any([promptSignal]);
      return executeCall(one, world, signal);
    }),
  );
}

interface LookedAt {
  toolCallId: string;
  call: ToolCall;
  tool: Tool | undefined;
  /** Or why it cannot be carried out. */
  prepared: PreparedCall | string;
}

async function lookAt(call: ToolCall, world: CallWorld): Promise<LookedAt> {
  const toolCallId = `call-${randomUUID()}`;
  const tool = world.tools.get(call.name);
  if (tool === undefined) {
    const prepared = `there is no tool "${call.name}"; there are: ${[...world.tools.keys()].join(", ")}`;
    return { toolCallId, call, tool, prepared };
  }
  try {
    return { toolCallId, call, tool, prepared: await tool.prepare(call.input) };
  } catch (error) {
    return { toolCallId, call, tool, prepared: messageOf(error) };
  }
}

function announce({ toolCallId, call, tool, prepared }: LookedAt, { client }: CallWorld): void {
  const facts =
    tool === undefined || typeof prepared === "string"
      ? { toolCallId, title: call.name, name: call.name, kind: tool?.kind ?? "other", rawInput: call.input }
      : described(toolCallId, tool, prepared, call.input);
  client.update({ sessionUpdate: "tool_call", ...facts, status: "pending" });
}

async function executeCall(
  { toolCallId, call, tool, prepared }: LookedAt,
  world: CallWorld,
  signal: AbortSignal,
): Promise<ExecutedCall> {
  const result =
    tool === undefined || typeof prepared === "string"
      ? finish(toolCallId, world, { status: "failed", text: String(prepared) })
      : await executeKnown({ toolCallId, call, tool, prepared, world, signal });
  const { status, text: value, data } = result;
  const output: ToolResultPart["output"] =
    status === "completed" ? { type: "text", value } : { type: "error-text", value };
  const part = { type: "tool-result" as const, toolCallId: call.id, toolName: call.name, output };
  return { part, data };
}

async function executeKnown(parts: {
  toolCallId: string;
  call: ToolCall;
  tool: Tool;
  prepared: PreparedCall;
  world: CallWorld;
  signal: AbortSignal;
}): Promise<CallResult> {
  const { toolCallId, tool, world, signal } = parts;
  const permitted = await permit(parts);
  if ("status" in permitted) return finish(toolCallId, world, permitted);
  return await act({ toolCallId, tool, prepared: permitted.prepared, world, signal });
}

function described(
  toolCallId: string,
  tool: Tool,
  { title, locations, content }: PreparedCall,
  rawInput: unknown,
) {
  return {
    toolCallId,
    title,
    name: tool.name,
    kind: tool.kind,
    rawInput,
    ...(locations === undefined ? {} : { locations }),
    ...(content === undefined ? {} : { content }),
  };
}

/** The call, perhaps with another input than the model's, or why it may not act. */
async function permit(parts: {
  toolCallId: string;
  call: ToolCall;
  tool: Tool;
  prepared: PreparedCall;
  world: CallWorld;
  signal: AbortSignal;
}): Promise<CallResult | { prepared: PreparedCall }> {
  const { toolCallId, call, tool, prepared, world, signal } = parts;
  const { name, kind } = tool;
  const action: Action = { tool: name, kind, subject: prepared.subject };
  const byRules = prepared.needsNoPermission ? "allow" : decide(world.mode(), world.rules, action);
  if (byRules === "allow") return { prepared };
  if (byRules === "deny") {
    const why = world.mode() === "plan" ? "the mode is plan, which is read only" : "a rule forbids it";
    return { status: "denied", text: `denied: ${why}` };
  }
  let answer: RequestPermissionResponse;
  try {
    answer = await world.client.askPermission(described(toolCallId, tool, prepared, call.input), {
      subject: prepared.subject,
      signal,
    });
  } catch (error) {
    if (signal.aborted) return cancelled;
    return { status: "denied", text: `denied: nobody could be asked (${messageOf(error)})` };
  }
  if (signal.aborted) return cancelled;
  const { outcome, _meta } = answer;
  const more = PermissionMeta.safeParse(_meta?.["offshoot"]).data ?? {};
  const option =
    outcome.outcome === "selected"
      ? permissionOptions.find(({ optionId }) => optionId === outcome.optionId)
      : undefined;
  if (option?.kind === "allow_always") world.rules.push(ruleFor(action, "allow"));
  if (option?.kind === "reject_always") world.rules.push(ruleFor(action, "deny"));
  if (option?.kind !== "allow_once" && option?.kind !== "allow_always") {
    return { status: "denied", text: `denied by the user${more.message ? `: ${more.message}` : ""}` };
  }
  if (more.input === undefined) return { prepared };
  try {
    const changed = await tool.prepare(more.input);
    const update = described(toolCallId, tool, changed, more.input);
    world.client.update({ sessionUpdate: "tool_call_update", ...update });
    return { prepared: changed };
  } catch (error) {
    return { status: "failed", text: `the input that the user changed is wrong: ${messageOf(error)}` };
  }
}

const cancelled: CallResult = { status: "cancelled", text: "cancelled by the user" };

async function act(parts: {
  toolCallId: string;
  tool: Tool;
  prepared: PreparedCall;
  world: CallWorld;
  signal: AbortSignal;
}): Promise<CallResult> {
  const { toolCallId, tool, prepared, world, signal } = parts;
  const { client, redaction, scratchDir } = world;
  if (signal.aborted) return finish(toolCallId, world, cancelled);
  client.update({ sessionUpdate: "tool_call_update", toolCallId, status: "in_progress" });
  const show = throttle((text: string) => {
    const content = textContent(text);
    client.update({ sessionUpdate: "tool_call_update", toolCallId, content });
  });
  try {
    const work = prepared.act({ signal, showOutput: show.call });
    const output = await Promise.race([work, afterCancel(signal)]);
    show.end();
    const name = `${tool.name}-${toolCallId.slice(-8)}`;
    const clean = redaction.redact(output.text);
    const text = await boundOutput({ text: clean, scratchDir, name });
    const status = output.failed ? "failed" : "completed";
    return finish(toolCallId, world, { status, text, data: output.data }, output.content);
  } catch (error) {
    show.end();
    if (signal.aborted) return finish(toolCallId, world, cancelled);
    return finish(toolCallId, world, { status: "failed", text: messageOf(error) });
  }
}

/** Rejects some time after the signal aborted. */
async function afterCancel(signal: AbortSignal): Promise<never> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await wait(cancelTakesMs, undefined, { ref: false });
  throw new Error("the tool did not end when it was cancelled");
}

function finish(
  toolCallId: string,
  { client, redaction }: CallWorld,
  { status, text, data }: CallResult,
  content = textContent(text),
): CallResult {
  const clean = redaction.redact(text);
  client.update({
    sessionUpdate: "tool_call_update",
    toolCallId,
    status: status === "completed" ? "completed" : "failed",
    content,
    rawOutput: clean,
    _meta: { offshoot: { status } },
  });
  return { status, text: clean, data };
}

/** The first at once, then the latest one at most every half second. */
function throttle(send: (text: string) => void) {
  let latest: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    timer = undefined;
    if (latest === undefined) return;
    send(latest);
    latest = undefined;
    timer = setTimeout(flush, showEveryMs);
  };
  return {
    call(text: string) {
      latest = text;
      if (timer === undefined) flush();
    },
    end: () => clearTimeout(timer),
  };
}
