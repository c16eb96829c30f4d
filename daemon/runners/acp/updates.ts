/**
 * Turns what an agent says in one session into events of the run, or of a sub-agent that the agent
 * announced, in the order of arrival.
 */
import { AgentEvent } from "../../../protocol/events.ts";
import type { FormatContext } from "../formats/context.ts";
import { listIn, objectIn, textIn, type Json } from "../formats/json.ts";
import { createNarration, type Narration } from "../formats/narration.ts";
import type { RunOutcome } from "../../sessions/endings.ts";
import { textOfBlock } from "./contents.ts";
import { createToolCalls, type ToolCalls } from "./toolCalls.ts";

export interface Updates {
  readonly narration: Narration;
  readonly toolCalls: ToolCalls;
  take(update: Json): void;
  /** Called when a turn begins; `said` starts anew. */
  turnStarted(): void;
  /** Called when the turn was answered; what comes later still belongs to the turn. */
  turnEnded(how: "well" | "badly"): void;
  /** What the turn has said and done so far. */
  said(): { text: string; toolCalls: number; denials: number };
  /** Called when a person or a rule denied this call. */
  denied(toolUseId: string): void;
  end(outcome: RunOutcome): void;
}

interface Parts {
  context: FormatContext;
  /** Takes an update that announces a sub-agent or says how it is. */
  subAgent: (update: Json) => void;
  /** Takes an update of what the agent's session has used. */
  usage: (update: Json) => void;
}

export function createUpdates({ context, subAgent, usage }: Parts): Updates {
  const turn = { toolCalls: 0, denials: 0, ended: false, text: "", late: "" };
  let messageId: string | undefined;

  const narration = createNarration({
    ...context,
    emit(event) {
      if (event.type === "tool.started") turn.toolCalls += 1;
      context.emit(withLocations(event, toolCalls));
    },
  });
  const toolCalls: ToolCalls = createToolCalls(narration);

  function chunk(update: Json): void {
    const text = textOfBlock(objectIn(update, "content"));
    const voice = narration.of(parentOf(update));
    const id = textIn(update, "messageId");
    if (id !== undefined && messageId !== undefined && id !== messageId) voice.flush();
    messageId = id ?? messageId;
    voice.delta(text);
    if (turn.ended && voice === narration.run) turn.late += text;
  }

  function thought(update: Json): void {
    const voice = narration.of(parentOf(update));
    voice.flush();
    voice.reasoningDelta(textOfBlock(objectIn(update, "content")));
  }

  function take(update: Json): void {
    switch (update["sessionUpdate"]) {
      case "agent_message_chunk":
        return chunk(update);
      case "agent_thought_chunk":
        return thought(update);
      case "tool_call":
      case "tool_call_update":
        return void toolCalls.upsert(update);
      case "plan":
        return narration.run.emit({ type: "plan", entries: planOf(update) });
      case "usage_update":
        return usage(update);
      case "subagent_update":
        return subAgent(update);
      case "session_info_update": {
        const title = textIn(update, "title");
        return title === undefined ? undefined : context.describe({ title });
      }
      case "current_mode_update":
        return note(`The agent's mode is now ${textIn(update, "currentModeId") ?? "unknown"}.`);
      case "notice":
        return notice(update);
      case "user_message_chunk":
      case "available_commands_update":
      case "config_option_update":
        return;
      default:
        return narration.unknown(update);
    }
  }

  function note(text: string, severity: unknown = "info"): void {
    const level = severity === "warning" || severity === "error" ? severity : "info";
    if (text !== "") narration.run.emit({ type: "note", level, text });
  }

  /** Emits a notice. Offshoot's own agent adds the facts of a retry, which become the event. */
  function notice(update: Json): void {
    const own = objectIn(objectIn(update, "_meta"), "offshoot");
    const retry = AgentEvent.safeParse({ ...objectIn(own, "retry"), type: "retry" });
    if (retry.success) return narration.run.emit(retry.data);
    note(textIn(update, "title", "message") ?? "", update["severity"]);
  }

  return {
    narration,
    toolCalls,
    take,
    turnStarted() {
      Object.assign(turn, { toolCalls: 0, denials: 0, ended: false, text: "", late: "" });
    },
    turnEnded(how) {
      if (how === "well") toolCalls.settle();
      const before = narration.run.lastText();
      narration.run.flush();
      Object.assign(turn, { ended: true, text: before });
    },
    said: () => ({
      text: turn.ended ? turn.text + turn.late : narration.run.lastText(),
      toolCalls: turn.toolCalls,
      denials: turn.denials,
    }),
    denied(toolUseId) {
      turn.denials += 1;
      narration.denied(toolUseId);
    },
    end: (outcome) => narration.end(outcome),
  };
}

/** The parent of an update, from agents that show tool calls of sub-agents among their own. */
function parentOf(update: Json): string | undefined {
  return textIn(objectIn(objectIn(update, "_meta"), "claudeCode"), "parentToolUseId");
}

function withLocations(event: AgentEvent, toolCalls: ToolCalls): AgentEvent {
  if (event.type !== "tool.completed") return event;
  const locations = toolCalls.locationsOf(event.toolUseId);
  return locations.length === 0 ? event : { ...event, locations };
}

function planOf(update: Json): Extract<AgentEvent, { type: "plan" }>["entries"] {
  return listIn(update, "entries").flatMap((entry) => {
    const { status, priority } = entry;
    const text = textIn(entry, "content");
    if (text === undefined) return [];
    const isStatus = status === "in_progress" || status === "completed";
    const isPriority = priority === "high" || priority === "medium" || priority === "low";
    return [{ text, status: isStatus ? status : "pending", ...(isPriority && { priority }) }];
  });
}
