/**
 * What a reader sees of a session: its events, merged into blocks. Pure and without state, so that
 * more events, earlier ones and fewer ones are the same case: the blocks are made anew from what
 * is at hand, and each says by `revision` whether it has changed.
 */
import type { AgentEvent } from "../../protocol/events.ts";
import type { SessionStatus } from "../../protocol/session.ts";
import { baseOf, changed, touch, type BlockBase } from "./blockBase.ts";
import { pageOf } from "./eventWindow.ts";
import { closeTexts, takeText, type TextFold } from "./messageBlocks.ts";
import type { SentMessage, ShownEvent } from "./pageMessages.ts";
import { takeTool, type ToolBlock } from "./toolBlocks.ts";

export interface TextBlock extends BlockBase {
  kind: "message" | "thought";
  text: string;
  /** More of it may come. */
  isOpen: boolean;
}

export interface OutputBlock extends BlockBase {
  kind: "output";
  parts: { stream: "stdout" | "stderr"; text: string }[];
}

type Of<Type extends AgentEvent["type"]> = Extract<AgentEvent, { type: Type }>;

export type Block =
  | TextBlock
  | OutputBlock
  | (BlockBase & ToolBlock)
  | (BlockBase & { kind: "sent"; text: string })
  /** A later plan of the same session stands below. */
  | (BlockBase & { kind: "plan"; entries: Of<"plan">["entries"]; isOld: boolean })
  | (BlockBase & { kind: "approval"; approvalId: string; state: string })
  | (BlockBase & { kind: "child"; sessionId: string; status: SessionStatus })
  | (BlockBase & { kind: "retry"; attempt: number; inMs: number; message: string })
  | (BlockBase & { kind: "note"; level: "info" | "warning" | "error"; text: string })
  /** Until when the run was suspended; absent: it still is, or its end is not at hand. */
  | (BlockBase & { kind: "wait"; reason: string; until?: number })
  | (BlockBase & { kind: "run"; runId: string });

export interface Reading {
  /** In order and without a gap. */
  events: readonly ShownEvent[];
  /** Those to be shown, oldest first; each stands before the events that came after it. */
  messages: readonly SentMessage[];
  /** More may come of the last run. */
  goesOn: boolean;
}

/** What is being built; `blocks` is in the order of the first event of each. */
export interface Fold extends TextFold {
  blocks: Block[];
  tools: Map<string, BlockBase & ToolBlock>;
  runId: string;
  /** The last thing that it did. */
  isThinking: boolean;
}

export function blocksOf({ events, messages, goesOn }: Reading): Block[] {
  const fold: Fold = { blocks: [], tools: new Map(), openTexts: [], runId: "", isThinking: false };
  let told = 0;
  for (const shown of events) {
    for (; (messages[told]?.at ?? Infinity) <= shown.at; told += 1) takeSent(fold, messages[told]);
    takeEvent(fold, shown);
  }
  for (; told < messages.length; told += 1) takeSent(fold, messages[told]);
  if (!goesOn) closeRun(fold);
  closeThoughts(fold);
  return fold.blocks;
}

/** A thought is over when something else follows. */
function closeThoughts({ blocks, isThinking }: Fold): void {
  const last = isThinking ? blocks.at(-1) : undefined;
  for (const block of blocks) {
    if (block.kind !== "thought" || block === last) continue;
    block.isOpen = false;
    changed(block);
  }
}

/** Nothing more comes of a run: what had not ended by then never did. */
function closeRun(fold: Fold): void {
  closeTexts(fold);
  fold.isThinking = false;
  for (const tool of fold.tools.values()) {
    if (tool.status !== "running") continue;
    tool.status = "lost";
    changed(tool);
  }
}

function takeSent(fold: Fold, message: SentMessage | undefined): void {
  if (message === undefined) return;
  const { n, at, text } = message;
  fold.blocks.push({ key: `sent-${n}`, revision: n, seq: 0, at, cuts: [], kind: "sent", text });
}

function takeEvent(fold: Fold, shown: ShownEvent): void {
  const { event, seq, runId } = shown;
  if (fold.runId !== runId) {
    if (fold.runId !== "") {
      fold.blocks.push({ ...baseOf(shown, `run-${runId}`), cuts: [], kind: "run", runId });
    }
    fold.runId = runId;
    closeRun(fold);
  }
  if (event.type !== "usage") fold.isThinking = event.type === "reasoning.delta";
  switch (event.type) {
    case "message.delta":
    case "message":
    case "reasoning.delta":
      return takeText(fold, shown, event);
    case "tool.started":
    case "tool.output":
    case "tool.completed":
      return takeTool(fold, shown, event);
    case "output":
      return takeOutput(fold, shown, event);
    case "plan": {
      const old = fold.blocks.findLast((block) => block.kind === "plan");
      if (old?.isOld === false) {
        old.isOld = true;
        changed(old);
      }
      const { entries } = event;
      fold.blocks.push({ ...baseOf(shown, `plan-${seq}`), kind: "plan", entries, isOld: false });
      return;
    }
    case "approval":
      return takeApproval(fold, shown, event);
    case "child":
      return takeChild(fold, shown, event);
    case "retry": {
      closeTexts(fold);
      const { attempt, inMs, error } = event;
      const { message } = error;
      fold.blocks.push({
        ...baseOf(shown, `retry-${seq}`),
        ...{ kind: "retry", attempt, inMs, message },
      });
      return;
    }
    case "status":
      return takeStatus(fold, shown, event);
    case "note":
      return note(fold, shown, event.level, event.text);
    case "budget":
      return note(
        fold,
        shown,
        "warning",
        `${event.limit}: ${event.used} of ${event.max} is used up`,
      );
    case "turn.completed":
      closeTexts(fold);
      if (isOddEnd(event.finishReason)) {
        note(fold, shown, "info", `The turn ended: ${event.finishReason}`);
      }
      return;
    case "turn.started":
    case "usage":
      return;
  }
}

function note(fold: Fold, shown: ShownEvent, level: Of<"note">["level"], text: string): void {
  fold.blocks.push({ ...baseOf(shown, `note-${shown.seq}`), kind: "note", level, text });
}

/** Ends of turns that say something which nothing else says. */
function isOddEnd(reason: string): boolean {
  return ["max_tokens", "length", "refusal", "max_turn_requests", "content-filter"].includes(
    reason,
  );
}

/** Output is one block up to the end of its page of events: so a block has a bound. */
function takeOutput(fold: Fold, shown: ShownEvent, { stream, text }: Of<"output">): void {
  const last = fold.blocks.at(-1);
  const isOutput = last?.kind === "output";
  if (isOutput && pageOf(last.seq) === pageOf(shown.seq)) {
    touch(last, shown);
    const part = last.parts.at(-1);
    if (part?.stream === stream) part.text += text;
    else last.parts.push({ stream, text });
    return;
  }
  const parts: OutputBlock["parts"] = [];
  if (isOutput) parts.push(...withoutLastLine(last));
  const part = parts.at(-1);
  if (part?.stream === stream) part.text += text;
  else parts.push({ stream, text });
  fold.blocks.push({ ...baseOf(shown, `output-${shown.seq}`), kind: "output", parts });
}

/** A line that goes on behind the end of a block is shown whole in the next one. */
function withoutLastLine(block: OutputBlock): OutputBlock["parts"] {
  const part = block.parts.at(-1);
  if (part === undefined || part.text.endsWith("\n")) return [];
  const end = part.text.lastIndexOf("\n") + 1;
  const line = part.text.slice(end);
  // A page without any line end stays what it is.
  if (end === 0) return [];
  part.text = part.text.slice(0, end);
  changed(block);
  return [{ stream: part.stream, text: line }];
}

function takeApproval(fold: Fold, shown: ShownEvent, { approvalId, state }: Of<"approval">): void {
  const known = fold.blocks.findLast(
    (block) => block.kind === "approval" && block.approvalId === approvalId,
  );
  if (known?.kind === "approval") {
    known.state = state;
    touch(known, shown);
    return;
  }
  const base = baseOf(shown, `approval-${approvalId}`);
  fold.blocks.push({ ...base, kind: "approval", approvalId, state });
}

/** One link for each child, where the run first speaks of it. */
function takeChild(fold: Fold, shown: ShownEvent, { childSessionId, state }: Of<"child">): void {
  const known = fold.blocks.findLast(
    (block) => block.kind === "child" && block.sessionId === childSessionId,
  );
  if (known?.kind === "child") {
    known.status = state;
    touch(known, shown);
    return;
  }
  const base = baseOf(shown, `child-${childSessionId}`);
  fold.blocks.push({ ...base, kind: "child", sessionId: childSessionId, status: state });
}

function takeStatus(fold: Fold, shown: ShownEvent, { to, reason }: Of<"status">): void {
  if (to === "suspended") {
    // The approval has a block of its own.
    if (reason === "approval") return;
    const base = baseOf(shown, `wait-${shown.seq}`);
    fold.blocks.push({ ...base, kind: "wait", reason: reason ?? "suspended" });
    return;
  }
  const wait = fold.blocks.findLast((block) => block.kind === "wait");
  if (wait?.kind !== "wait" || wait.until !== undefined) return;
  wait.until = shown.at;
  touch(wait, shown);
}
