/**
 * Assembles the tool calls of one session of an agent from updates in any order: an update may come
 * before its call, lack any of its fields, or come after the end.
 */
import type { AgentEvent } from "../../../protocol/events.ts";
import { listIn, numberIn, objectIn, textIn, isJson, type Json } from "../formats/json.ts";
import type { Narration } from "../formats/narration.ts";
import type { ToolKind } from "../runner.ts";
import { toolContentOf, type FileChange, type ToolContent } from "./contents.ts";

type Location = NonNullable<Extract<AgentEvent, { type: "tool.completed" }>["locations"]>[number];

/** What is known of a call so far. */
export interface ToolCallFacts {
  readonly id: string;
  name: string;
  title: string;
  kind: ToolKind;
  input: unknown;
  changes: FileChange[];
  locations: Location[];
}

export interface ToolCalls {
  /** Takes a call or an update of a call, also as part of a permission request. */
  upsert(update: Json): ToolCallFacts | undefined;
  /**
   * Emits the start of the call: the agent continues with it, so no more fields precede the start.
   */
  start(id: string): void;
  /** Takes output of a terminal that is shown in a call. */
  terminalOutput(terminalId: string, text: string): void;
  locationsOf(id: string): Location[];
  /** Completes the calls that are still open when a turn ended well. */
  settle(): void;
}

interface Call extends ToolCallFacts {
  parentId: string | undefined;
  state: "announced" | "started" | "ended";
  /** Whether the agent said that the call runs, or how it ended. */
  wasUnderWay: boolean;
  text: string;
  rawOutput: unknown;
}

const kinds = ["read", "edit", "delete", "move", "search", "execute", "think", "fetch"] as const;

/** The most calls that are remembered per session; the oldest ended ones are dropped first. */
const maxCalls = 10_000;
/** In characters: the most output that is kept of terminals which no call shows yet. */
const maxEarlyOutput = 64 * 1024;

export function createToolCalls(narration: Narration): ToolCalls {
  const calls = new Map<string, Call>();
  const callOfTerminal = new Map<string, string>();
  const earlyOutput = new Map<string, string>();

  function start(call: Call): void {
    if (call.state !== "announced") return;
    call.state = "started";
    const { id, name, title, kind, input } = call;
    narration.of(call.parentId).toolStarted({ id, name, title, kind, input });
  }

  function takeContent(call: Call, content: ToolContent): void {
    if (content.changes.length > 0) call.changes = content.changes;
    for (const terminalId of content.terminalIds) {
      callOfTerminal.set(terminalId, call.id);
      narration.toolOutput(call.id, earlyOutput.get(terminalId) ?? "");
      earlyOutput.delete(terminalId);
    }
    // Some agents show the purpose of the call until it has output.
    const isPurpose = isJson(call.input) && call.input["description"] === content.text;
    if (content.text === "" || isPurpose) return;
    // The content replaces earlier content; with most agents it grows.
    const isMore = content.text.startsWith(call.text);
    narration.toolOutput(call.id, isMore ? content.text.slice(call.text.length) : content.text);
    call.text = content.text;
  }

  function end(call: Call, status: "completed" | "failed"): void {
    call.state = "ended";
    narration.toolCompleted(call.id, { status, output: outputOf(call) });
    call.changes = [];
    call.text = "";
    call.rawOutput = undefined;
  }

  function callFor(id: string): Call {
    const known = calls.get(id);
    if (known) return known;
    if (calls.size >= maxCalls) forgetOldest(calls);
    const call: Call = {
      ...{ id, name: "", title: "", kind: "other", input: undefined, changes: [], locations: [] },
      ...{ parentId: undefined, state: "announced", wasUnderWay: false },
      ...{ text: "", rawOutput: undefined },
    };
    calls.set(id, call);
    return call;
  }

  return {
    upsert(update) {
      const id = textIn(update, "toolCallId");
      if (id === undefined) {
        narration.unknown(update);
        return undefined;
      }
      const call = callFor(id);
      if (call.state === "ended") return call;
      takeFacts(call, update);
      const status = update["status"];
      const isUnderWay = status === "in_progress" || status === "completed" || status === "failed";
      const content = toolContentOf(update);
      const gives = hasFields(update["rawOutput"]) || (content !== undefined && isWorth(content));
      call.wasUnderWay ||= isUnderWay || gives;
      if (call.wasUnderWay || hasFields(call.input)) start(call);
      if (call.state === "started" && content) takeContent(call, content);
      if (status === "completed" || status === "failed") end(call, status);
      return call;
    },
    start(id) {
      const call = calls.get(id);
      if (call) start(call);
    },
    terminalOutput(terminalId, text) {
      const id = callOfTerminal.get(terminalId);
      if (id !== undefined) return narration.toolOutput(id, text);
      const early = (earlyOutput.get(terminalId) ?? "") + text;
      earlyOutput.set(terminalId, early.slice(-maxEarlyOutput));
    },
    locationsOf: (id) => calls.get(id)?.locations ?? [],
    settle() {
      for (const call of calls.values()) {
        start(call);
        if (call.state === "started" && call.wasUnderWay) end(call, "completed");
      }
    },
  };
}

function isWorth({ text, changes, terminalIds }: ToolContent): boolean {
  return text !== "" || changes.length > 0 || terminalIds.length > 0;
}

/** Agents announce a call while its input is still being written; the start waits for the input. */
function hasFields(input: unknown): boolean {
  if (isJson(input)) return Object.keys(input).length > 0;
  return input !== undefined && input !== null;
}

function takeFacts(call: Call, update: Json): void {
  const vendor = objectIn(objectIn(update, "_meta"), "claudeCode");
  const kind = kinds.find((one) => one === update["kind"]);
  if (kind) call.kind = kind;
  const rawInput = update["rawInput"];
  const ofServer = mcpCallIn(rawInput);
  if (rawInput !== undefined && rawInput !== null) call.input = ofServer?.input ?? rawInput;
  if (update["rawOutput"] !== undefined && update["rawOutput"] !== null) {
    call.rawOutput = update["rawOutput"];
  }
  const name = textIn(update, "name") ?? textIn(vendor, "toolName") ?? ofServer?.name;
  call.name = name ?? (call.name || call.kind);
  call.title = textIn(update, "title") ?? (call.title || call.name);
  call.parentId ??= textIn(vendor, "parentToolUseId");
  const locations = listIn(update, "locations").flatMap((location) => {
    const path = textIn(location, "path");
    const line = numberIn(location, "line");
    if (path === undefined) return [];
    return [{ path, ...(line !== undefined && Number.isInteger(line) && { line }) }];
  });
  if (locations.length > 0) call.locations = locations;
}

/**
 * Codex shows a call of an MCP server's tool as a tool of its own, and asks for permission by a
 * form. Rules and people know such tools by the names that other agents use.
 */
function mcpCallIn(rawInput: unknown): { name: string | undefined; input: unknown } | undefined {
  if (!isJson(rawInput)) return undefined;
  const { server, tool, arguments: given } = rawInput;
  if (typeof server === "string" && typeof tool === "string") {
    return { name: `mcp__${server}__${tool}`, input: given ?? {} };
  }
  const form = objectIn(objectIn(rawInput, "request"), "_meta");
  const isForm = form["codex_approval_kind"] === "mcp_tool_call";
  return isForm ? { name: undefined, input: form["tool_params"] ?? {} } : undefined;
}

function outputOf({ changes, text, rawOutput }: Call): unknown {
  const plain = rawOutput ?? (text === "" ? null : text);
  if (changes.length === 0) return plain;
  const diffs = changes.map(({ path, diff }) => ({ path, diff }));
  return { diffs, ...(plain !== null && { output: plain }) };
}

function forgetOldest(calls: Map<string, Call>): void {
  for (const [id, { state }] of calls) {
    if (state === "ended") return void calls.delete(id);
  }
}
