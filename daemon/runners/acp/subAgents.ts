/**
 * Shows each sub-agent that an agent announces as a session of its own as an adopted child. A
 * sub-agent that was idle and works again is adopted again.
 */
import type { RunOutcome } from "../../sessions/endings.ts";
import { objectIn, textIn, type Json } from "../formats/json.ts";
import type { FormatContext } from "../formats/context.ts";
import type { AdoptedSession } from "../runner.ts";
import type { AcpConnection, SessionSide } from "./connection.ts";
import { createUpdates, type Updates } from "./updates.ts";
import { runError } from "../../base/errors.ts";
import { endedWithParent } from "../formats/narration.ts";

export interface SubAgents {
  /** Takes an update that was sent in the parent's session. */
  take(update: Json): void;
  end(outcome: RunOutcome): void;
}

interface Parts {
  context: FormatContext;
  connection: AcpConnection;
  /** The session that announced the sub-agent; absent for the run's own session. */
  parentId?: string;
  answer: (updates: Updates, method: string, params: Json) => Promise<object>;
  ready: () => Promise<void>;
}

interface Child {
  adopted?: AdoptedSession;
  updates?: Updates;
  below?: SubAgents;
  title?: string;
  prompt?: string;
  detach: () => void;
}

export function createSubAgents(parts: Parts): SubAgents {
  const { context, connection, parentId, answer, ready } = parts;
  const children = new Map<string, Child>();

  function open(id: string, child: Child): Updates {
    if (child.updates) return child.updates;
    const title = child.title ?? "Sub-agent";
    const adopted = context.adopt({
      toolUseId: id,
      ...(parentId !== undefined && { parentToolUseId: parentId }),
      title,
      prompt: child.prompt ?? title,
    });
    const own: FormatContext = {
      ...context,
      emit: (event) => adopted.emit(event),
      addUsage: (more) => adopted.addUsage(more),
      describe: () => undefined,
      setActivity: () => undefined,
    };
    const below = createSubAgents({ ...parts, context: own, parentId: id });
    // The usage of a sub-agent comes with the usage of the turn that it works for.
    const updates = createUpdates({ context: own, subAgent: below.take, usage: () => undefined });
    Object.assign(child, { adopted, updates, below });
    return updates;
  }

  function close(child: Child, outcome: RunOutcome): void {
    const { adopted, updates, below } = child;
    if (adopted === undefined || updates === undefined) return;
    below?.end(outcome);
    if (outcome.status === "completed") updates.toolCalls.settle();
    updates.end(outcome);
    const result = updates.narration.run.lastText();
    adopted.end(
      outcome.result === undefined || outcome.result === "" ? { ...outcome, result } : outcome,
    );
    delete child.adopted;
    delete child.updates;
    delete child.below;
  }

  function announce(id: string): Child {
    const child: Child = { detach: () => undefined };
    children.set(id, child);
    const side: SessionSide = {
      update: (update) => open(id, child).take(update),
      answer: (method, params) => answer(open(id, child), method, params),
      ready,
    };
    child.detach = connection.attach(id, side);
    return child;
  }

  return {
    take(update) {
      const id = textIn(update, "sessionId");
      if (id === undefined) return;
      const known = children.get(id);
      const child = known ?? announce(id);
      child.title = textIn(update, "title") ?? child.title ?? "Sub-agent";
      child.prompt = textIn(update, "description") ?? child.prompt ?? child.title;
      const state = objectIn(update, "state");
      const isAtRest = state["state"] === "idle";
      if (!known || state["state"] === "running") open(id, child);
      if (isAtRest) close(child, outcomeOfState(state));
    },
    end(outcome) {
      for (const child of children.values()) {
        close(child, endedWithParent(outcome));
        child.detach();
      }
    },
  };
}

function outcomeOfState(state: Json): RunOutcome {
  switch (state["stopReason"]) {
    case "error": {
      const message = textIn(state, "message") ?? textIn(objectIn(state, "error"), "message");
      return { status: "error", error: runError("internal", message ?? "The sub-agent failed.") };
    }
    case "refusal":
      return { status: "error", error: runError("refused", "The sub-agent refused.") };
    case "cancelled":
      return { status: "error", error: runError("aborted", "The agent cancelled it.") };
    default:
      return { status: "completed", result: "" };
  }
}
