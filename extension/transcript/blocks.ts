/**
 * Merges the events of a session into blocks. Pure and without state: the blocks are made again from
 * the events in the window, whichever those are, and each says by `revision` whether it has changed.
 */
import {
  addBlock,
  changed,
  touch,
  type Block,
  type BlockFields,
  type EventOf,
  type Fold,
  type OutputBlock,
} from "./block.ts";
import { pageOf } from "./eventWindow.ts";
import { closeTexts, takeText } from "./messageBlocks.ts";
import type { SentMessage, ShownEvent } from "./pageMessages.ts";
import { takeTool } from "./toolBlocks.ts";

export interface Reading {
  /** In order and without a gap. */
  events: readonly ShownEvent[];
  /** The messages to show, oldest first; each stands before the events that came after it. */
  messages: readonly SentMessage[];
  /** More events may come of the last run. */
  goesOn: boolean;
}

export function blocksOf({ events, messages, goesOn }: Reading): Block[] {
  const fold: Fold = { blocks: [], tools: new Map(), openTexts: [], runId: "", isThinking: false };
  let sent = 0;
  for (const shown of events) {
    for (; (messages[sent]?.at ?? Infinity) <= shown.at; sent += 1) takeSent(fold, messages[sent]);
    takeEvent(fold, shown);
  }
  for (; sent < messages.length; sent += 1) takeSent(fold, messages[sent]);
  if (!goesOn) closeRun(fold);
  closeThoughts(fold);
  return fold.blocks;
}

/** A thought ends when another event follows. */
function closeThoughts({ blocks, isThinking }: Fold): void {
  const last = isThinking ? blocks.at(-1) : undefined;
  for (const block of blocks) {
    if (block.kind !== "thought" || block === last) continue;
    block.isOpen = false;
    changed(block);
  }
}

/** The run has ended: calls without a result are lost. */
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
  const { event, runId } = shown;
  if (fold.runId !== runId) {
    // What is cut belongs to the block of the event itself.
    if (fold.runId !== "") addBlock(fold, shown, { kind: "run", runId }, runId).cuts = [];
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
      addBlock(fold, shown, { kind: "plan", entries: event.entries, isOld: false });
      return;
    }
    case "approval": {
      const { approvalId, state } = event;
      return addOrChange(fold, shown, { kind: "approval", approvalId, state }, approvalId);
    }
    case "child": {
      const { childSessionId: sessionId, state: status } = event;
      return addOrChange(fold, shown, { kind: "child", sessionId, status }, sessionId);
    }
    case "retry": {
      closeTexts(fold);
      const { attempt, inMs, error } = event;
      addBlock(fold, shown, { kind: "retry", attempt, inMs, message: error.message });
      return;
    }
    case "status":
      return takeStatus(fold, shown, event);
    case "note":
      return note(fold, shown, event.level, event.text);
    case "budget": {
      const { limit, used, max } = event;
      return note(fold, shown, "warning", `${limit}: ${used} of ${max} is used up`);
    }
    case "turn.completed":
      closeTexts(fold);
      if (oddEnds.has(event.finishReason)) {
        note(fold, shown, "info", `The turn ended: ${event.finishReason}`);
      }
      return;
    case "turn.started":
    case "usage":
      return;
  }
}

function note(fold: Fold, shown: ShownEvent, level: EventOf<"note">["level"], text: string): void {
  addBlock(fold, shown, { kind: "note", level, text });
}

/** Reasons for the end of a turn that no other event reports. */
const oddEnds: ReadonlySet<string> = new Set([
  ...["max_tokens", "length", "refusal", "max_turn_requests", "content-filter"],
]);

/** Output is one block up to the end of its page of events, so that blocks have a bounded size. */
function takeOutput(fold: Fold, shown: ShownEvent, { stream, text }: EventOf<"output">): void {
  const last = fold.blocks.at(-1);
  const isOutput = last?.kind === "output";
  const goesOn = isOutput && pageOf(last.seq) === pageOf(shown.seq);
  const before = isOutput ? withoutLastLine(last) : [];
  const parts: OutputBlock["parts"] = goesOn ? last.parts : before;
  const part = parts.at(-1);
  if (part?.stream === stream) part.text += text;
  else parts.push({ stream, text });
  if (goesOn) touch(last, shown);
  else addBlock(fold, shown, { kind: "output", parts });
}

/** Removes a line that goes on after the end of a block, to show it whole in the next one. */
function withoutLastLine(block: OutputBlock): OutputBlock["parts"] {
  const part = block.parts.at(-1);
  if (part === undefined || part.text.endsWith("\n")) return [];
  const end = part.text.lastIndexOf("\n") + 1;
  const line = part.text.slice(end);
  // A page that has no line end keeps its text.
  if (end === 0) return [];
  part.text = part.text.slice(0, end);
  changed(block);
  return [{ stream: part.stream, text: line }];
}

/** An approval or a child has one block, at the first event about it. */
function addOrChange(fold: Fold, shown: ShownEvent, fields: BlockFields, id: string): void {
  const known = fold.blocks.findLast(({ key }) => key === `${fields.kind}-${id}`);
  if (known === undefined) addBlock(fold, shown, fields, id);
  else touch(Object.assign(known, fields), shown);
}

function takeStatus(fold: Fold, shown: ShownEvent, { to, reason }: EventOf<"status">): void {
  if (to === "suspended") {
    // Approvals and retries have blocks of their own.
    if (reason === "approval" || reason === "retry") return;
    addBlock(fold, shown, { kind: "wait", reason: reason ?? "suspended" });
    return;
  }
  const wait = fold.blocks.findLast((block) => block.kind === "wait");
  if (wait?.kind !== "wait" || wait.until !== undefined) return;
  wait.until = shown.at;
  touch(wait, shown);
}
