/**
 * Emits what an agent says and does as events: one voice for the run itself and one for each
 * sub-agent that the agent started by itself, which is shown as an adopted child.
 */
import type { RunOutcome } from "../../sessions/endings.ts";
import type { AgentEvent, ToolStatus } from "../../../protocol/events.ts";
import type { Usage } from "../../../protocol/session.ts";
import type * as z from "zod";
import { labelOf } from "../../processes/outputLines.ts";
import type { AdoptedSession, ToolKind } from "../runner.ts";
import type { FormatContext } from "./context.ts";
import { textIn, type Json } from "./json.ts";
import { kindOf, locationsOf, planOf, subAgentOf, titleOf } from "./toolFacts.ts";
import { runError } from "../../base/errors.ts";

export interface ToolCall {
  id: string;
  name: string;
  input: unknown;
  /** Given by the agent; else taken from the name and the input. */
  title?: string;
  kind?: ToolKind;
}

export interface ToolResult {
  status: z.infer<typeof ToolStatus>;
  output: unknown;
}

/** Emits what one agent or sub-agent says and does. */
export interface Voice {
  readonly toolUseId: string | undefined;
  emit(event: AgentEvent): void;
  addUsage(more: Partial<Usage>): void;
  /** A piece of a text. All pieces since the last message are a message of their own, unless … */
  delta(text: string): void;
  /** … the whole text comes as well. */
  message(text: string): void;
  /** Ends a message that came in pieces only. */
  flush(): void;
  reasoningDelta(text: string): void;
  /** A whole thought; dropped where it came in pieces before. */
  reasoning(text: string): void;
  /** The same id counts once. */
  toolStarted(call: ToolCall): void;
  /** The last text, as far as it has come. */
  lastText(): string;
}

export interface Narration {
  /** The run's own voice. */
  readonly run: Voice;
  /** The voice of the live sub-agent that a tool call stands for, or of the run without one. */
  of(parentToolUseId: string | undefined): Voice;
  toolOutput(toolUseId: string, text: string): void;
  /** Completes a call, and ends its sub-agent unless that continues in the background. */
  toolCompleted(toolUseId: string, result: ToolResult): void;
  /** Marks a call as denied, so that it does not count as failed. */
  denied(toolUseId: string): void;
  /** Marks a sub-agent that does not end with the result of its tool call. */
  inBackground(toolUseId: string): void;
  childEnded(toolUseId: string, result: ToolResult): void;
  /** Emits a line that the format does not know as a note, within bounds. */
  unknown(json: Json): void;
  /** Ends what is still open. */
  end(outcome: RunOutcome): void;
}

const maxNotes = 100;
const maxNoteLength = 2000;

/** Pieces of a text become a message at this length at the latest. */
const maxHeldLength = 1024 * 1024;

interface Child {
  voice: Voice;
  adopted: AdoptedSession;
  parent: Voice;
  isInBackground: boolean;
  hasEnded: boolean;
}

interface OpenTool extends ToolCall {
  voice: Voice;
}

export function createNarration(context: FormatContext): Narration {
  const children = new Map<string, Child>();
  const openTools = new Map<string, OpenTool>();
  const knownTools = new Set<string>();
  const deniedTools = new Set<string>();
  let unknownLines = 0;

  const toolStarted = (voice: Voice, call: ToolCall) => {
    if (knownTools.has(call.id)) return;
    knownTools.add(call.id);
    voice.flush();
    const { id, name, input, title = titleOf(name, input), kind = kindOf(name) } = call;
    voice.emit({ type: "tool.started", toolUseId: id, name, title, input, kind });
    voice.addUsage({ toolCalls: 1 });
    openTools.set(id, { ...call, voice });
    if (voice === run) context.setActivity({ kind: "tool", label: labelOf(title) });
    const plan = planOf(name, input);
    if (plan) voice.emit({ type: "plan", entries: plan });
    const child = subAgentOf(name, input);
    if (child) adopt(voice, id, child);
  };

  const adopt = (parent: Voice, toolUseId: string, child: { title: string; prompt: string }) => {
    const adopted = context.adopt({
      toolUseId,
      ...(parent.toolUseId !== undefined && { parentToolUseId: parent.toolUseId }),
      ...child,
    });
    const voice = createVoice(adopted, toolUseId, toolStarted, () => {});
    children.set(toolUseId, { voice, adopted, parent, isInBackground: false, hasEnded: false });
  };

  const run = createVoice(context, undefined, toolStarted, (label) =>
    context.setActivity({ kind: "model", label }),
  );

  const completeTool = (toolUseId: string, { status, output }: ToolResult) => {
    const call = openTools.get(toolUseId);
    // The result of an unknown call is emitted, too, but only once.
    if (!call && knownTools.has(toolUseId)) return;
    knownTools.add(toolUseId);
    openTools.delete(toolUseId);
    const locations = call ? locationsOf(call.name, call.input) : [];
    (call?.voice ?? run).emit({
      type: "tool.completed",
      toolUseId,
      // Some agents report nothing more of a denied call.
      status: status !== "completed" && deniedTools.has(toolUseId) ? "denied" : status,
      output,
      ...(locations.length > 0 && { locations }),
    });
  };

  const endVoice = (voice: Voice, outcome: RunOutcome) => {
    for (const child of children.values()) {
      if (child.parent === voice) endChild(child, endedWithParent(outcome));
    }
    for (const [toolUseId, call] of openTools) {
      if (call.voice === voice) completeTool(toolUseId, { status: "cancelled", output: null });
    }
    voice.flush();
  };

  const endChild = (child: Child, outcome: RunOutcome) => {
    if (child.hasEnded) return;
    child.hasEnded = true;
    endVoice(child.voice, outcome);
    const said = child.voice.lastText();
    child.adopted.end(
      outcome.result === undefined && said !== "" ? { ...outcome, result: said } : outcome,
    );
  };

  const childEnded = (toolUseId: string, result: ToolResult) => {
    const child = children.get(toolUseId);
    if (child) endChild(child, outcomeOfTool(result, deniedTools.has(toolUseId)));
  };

  return {
    run,
    of(parentToolUseId) {
      let child = parentToolUseId === undefined ? undefined : children.get(parentToolUseId);
      while (child?.hasEnded === true) child = children.get(child.parent.toolUseId ?? "");
      return child?.voice ?? run;
    },
    toolOutput(toolUseId, text) {
      if (text === "") return;
      const voice = openTools.get(toolUseId)?.voice ?? run;
      voice.emit({ type: "tool.output", toolUseId, text });
    },
    toolCompleted(toolUseId, result) {
      if (children.get(toolUseId)?.isInBackground === false) childEnded(toolUseId, result);
      completeTool(toolUseId, result);
      if (openTools.size === 0) context.setActivity({ kind: "model", label: "model" });
    },
    denied: (toolUseId) => void deniedTools.add(toolUseId),
    inBackground(toolUseId) {
      const child = children.get(toolUseId);
      if (child) child.isInBackground = true;
    },
    childEnded,
    unknown(json) {
      unknownLines += 1;
      if (unknownLines > maxNotes) return;
      const text = JSON.stringify(json);
      const shown = text.length <= maxNoteLength ? text : `${text.slice(0, maxNoteLength)}…`;
      run.emit({ type: "note", level: "info", text: `unknown line: ${shown}` });
    },
    end(outcome) {
      endVoice(run, outcome);
      const more = unknownLines - maxNotes;
      if (more <= 0) return;
      run.emit({ type: "note", level: "info", text: `${more} more unknown lines are not shown` });
    },
  };
}

function createVoice(
  to: Pick<FormatContext, "emit" | "addUsage">,
  toolUseId: string | undefined,
  toolStarted: (voice: Voice, call: ToolCall) => void,
  said: (label: string) => void,
): Voice {
  let held = "";
  let lastText = "";
  let hasReasonedInPieces = false;
  const tell = (text: string) => {
    held = "";
    if (text === "") return;
    lastText = text;
    to.emit({ type: "message", role: "assistant", text });
    said(labelOf(text));
  };
  const voice: Voice = {
    toolUseId,
    emit: (event) => to.emit(event),
    addUsage: (more) => to.addUsage(more),
    delta(text) {
      if (text === "") return;
      to.emit({ type: "message.delta", text });
      held += text;
      if (held.length > maxHeldLength) tell(held);
    },
    message: tell,
    flush: () => tell(held),
    reasoningDelta(text) {
      if (text === "") return;
      hasReasonedInPieces = true;
      to.emit({ type: "reasoning.delta", text });
    },
    reasoning(text) {
      if (text !== "" && !hasReasonedInPieces) to.emit({ type: "reasoning.delta", text });
      hasReasonedInPieces = false;
    },
    toolStarted: (call) => toolStarted(voice, call),
    lastText: () => held || lastText,
  };
  return voice;
}

function outcomeOfTool({ status, output }: ToolResult, wasDenied: boolean): RunOutcome {
  const text = typeof output === "string" ? output : undefined;
  if (status === "completed") return { status: "completed", result: text ?? "" };
  const message = labelOf(text ?? "") || "The sub-agent failed.";
  return { status: "error", error: runError(wasDenied ? "refused" : "internal", message) };
}

export function endedWithParent(parent: RunOutcome): RunOutcome {
  if (parent.status === "aborted") return { status: "aborted" };
  const error = runError("aborted", "The sub-agent had not ended when its parent did.");
  return { status: "error", error };
}

/** The parent of a line, in formats with nesting. */
export function parentOf(json: Json): string | undefined {
  return textIn(json, "parent_tool_use_id");
}
