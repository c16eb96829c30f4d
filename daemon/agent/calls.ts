/**
 * Executes the tool calls of a turn, from what the model wrote to the result that the model reads.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { ToolResultPart } from "ai";
import { boundOutput } from "./longOutput.ts";
import type { ToolCall } from "./model/model.ts";
import { cancelledCall, described, permit } from "./permit.ts";
import type { PermitWorld, ReadyCall } from "./permit.ts";
import type { Redaction } from "../base/redaction.ts";
import { messageOf } from "../base/errors.ts";
import { textContent } from "./tools/tool.ts";
import type { Tool } from "./tools/tool.ts";
import { throttle } from "./throttle.ts";

/** What all calls of a session share. */
export interface CallWorld extends PermitWorld {
  tools: ReadonlyMap<string, Tool>;
  redaction: Redaction;
  scratchDir: string;
}

interface CallResult {
  status: "completed" | "failed" | "denied" | "cancelled";
  text: string;
  data?: unknown;
}

/** The result that the model reads, and the same as data where the tool provides that. */
export interface ExecutedCall {
  part: ToolResultPart;
  data: unknown;
}

/** A tool that ignores its signal is abandoned after this long. Ending a command takes 3 s. */
const cancelTakesMs = 4_000;

/**
 * Executes the calls of one turn in parallel and notifies the client of them in their order. Never
 * rejects: a failure is a result that the model can act on.
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
      // Each call has a signal of its own, because Node warns of a leak when many calls listen to
      // one.
      const signal = AbortSignal.any([promptSignal]);
      return executeCall(one, world, signal);
    }),
  );
}

/** A call that is ready to be decided on, or the reason why it cannot be executed. */
type LookedAt =
  ReadyCall | { toolCallId: string; call: ToolCall; tool: Tool | undefined; fault: string };

async function lookAt(call: ToolCall, { tools }: CallWorld): Promise<LookedAt> {
  const toolCallId = `call-${randomUUID()}`;
  const tool = tools.get(call.name);
  if (tool === undefined) {
    const fault = `there is no tool "${call.name}"; there are: ${[...tools.keys()].join(", ")}`;
    return { toolCallId, call, tool, fault };
  }
  try {
    return { toolCallId, call, tool, prepared: await tool.prepare(call.input) };
  } catch (error) {
    return { toolCallId, call, tool, fault: messageOf(error) };
  }
}

function announce(one: LookedAt, { client }: CallWorld): void {
  const { toolCallId, call, tool } = one;
  const { name, input: rawInput } = call;
  const facts =
    "fault" in one
      ? { toolCallId, title: name, name, kind: tool?.kind ?? "other", rawInput }
      : described(one);
  client.update({ sessionUpdate: "tool_call", ...facts, status: "pending" });
}

async function executeCall(
  one: LookedAt,
  world: CallWorld,
  signal: AbortSignal,
): Promise<ExecutedCall> {
  const { toolCallId, call } = one;
  const result =
    "fault" in one
      ? finish(toolCallId, world, { status: "failed", text: one.fault })
      : await executeKnown(one, world, signal);
  const { status, text: value, data } = result;
  const output: ToolResultPart["output"] =
    status === "completed" ? { type: "text", value } : { type: "error-text", value };
  const part = { type: "tool-result" as const, toolCallId: call.id, toolName: call.name, output };
  return { part, data };
}

async function executeKnown(
  one: ReadyCall,
  world: CallWorld,
  signal: AbortSignal,
): Promise<CallResult> {
  const permitted = await permit(one, world, signal);
  if ("refusal" in permitted) {
    const { status, text } = permitted.refusal;
    return finish(one.toolCallId, world, { status, text });
  }
  return await act({ ...one, prepared: permitted.prepared }, world, signal);
}

async function act(
  { toolCallId, tool, prepared }: ReadyCall,
  world: CallWorld,
  signal: AbortSignal,
): Promise<CallResult> {
  const { client, redaction, scratchDir } = world;
  if (signal.aborted) return finish(toolCallId, world, cancelledCall);
  client.update({ sessionUpdate: "tool_call_update", toolCallId, status: "in_progress" });
  const show = throttle((text: string) => {
    const content = textContent(redaction.redactSoFar(text));
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
    if (signal.aborted) return finish(toolCallId, world, cancelledCall);
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
