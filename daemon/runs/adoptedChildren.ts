/**
 * Sub-agents that outside agents start by themselves: each is shown as a child session of the run,
 * once per tool call, takes no slot, and ends with its tool call or with the run.
 */
import { v7 as newId } from "uuid";
import type { AgentEvent } from "../../protocol/events.ts";
import type { Session } from "../../protocol/session.ts";
import { endingOf, type RunOutcome } from "../sessions/endings.ts";
import type { Engine } from "./engine.ts";
import type { Run } from "./run.ts";
import type { AdoptedChild, AdoptedSession } from "../runners/runner.ts";
import { newChild } from "../sessions/newSession.ts";
import type { StoredSession } from "../sessions/records.ts";
import { transition } from "../sessions/transition.ts";

/** Sub-agents deeper than any real ones are shown beside their parent: nobody can draw such a tree. */
const deepest = 100;

interface OpenChild {
  sessionId: string;
  runId: string;
}

/** What a run has adopted. */
interface Adopted {
  /** Open children, by the tool call that they stand for. */
  open: Map<string, OpenChild>;
  ends: Promise<unknown>[];
  /** Sessions of the tool calls of all runs and attempts. */
  ofToolUse: Map<string, string>;
}

export class AdoptedChildren {
  readonly #engine: Engine;
  readonly #adopted = new WeakMap<Run, Adopted>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  adopt(run: Run, child: AdoptedChild): AdoptedSession {
    const { tree, clock, budget } = this.#engine;
    const { open } = this.#of(run);
    const adopted = open.get(child.toolUseId) ?? this.#start(run, child);
    open.set(child.toolUseId, adopted);
    const isOpen = () => open.has(child.toolUseId) && !run.isClosed;
    return {
      emit(event: AgentEvent) {
        const facts = tree.live.get(adopted.sessionId);
        if (!isOpen() || facts === undefined) return;
        facts.lastProgressAt = clock.now();
        // An event without a JSON form is the agent's fault and nobody else's.
        tree.append(adopted.sessionId, adopted.runId, event).catch(() => undefined);
      },
      addUsage: (more) => isOpen() && budget.count(run, more, adopted.sessionId),
      end: (outcome) => this.#end(run, child.toolUseId, outcome),
    };
  }

  /** Ends what the run's agent left open; resolves when clients were notified. */
  async endAll(run: Run): Promise<void> {
    const { open, ends } = this.#of(run);
    // The youngest first, so that children end before their parents.
    for (const toolUseId of [...open.keys()].reverse()) {
      this.#end(run, toolUseId, { status: "aborted" });
    }
    await Promise.all(ends);
  }

  #of(run: Run): Adopted {
    const known = this.#adopted.get(run);
    if (known !== undefined) return known;
    const { tree } = this.#engine;
    const ofToolUse = new Map<string, string>();
    // What runs below this one have adopted may have the same ids of tool calls. Grows while walked.
    const own = [run.sessionId];
    for (const above of own) {
      for (const id of tree.childrenOf(above)) {
        const { adopted, toolUseId } = tree.get(id).session;
        if (adopted !== true) continue;
        own.push(id);
        if (toolUseId !== undefined) ofToolUse.set(toolUseId, id);
      }
    }
    const made: Adopted = { open: new Map(), ends: [], ofToolUse };
    this.#adopted.set(run, made);
    return made;
  }

  /** The session that stood for the tool call before a reconnect, or a new one. */
  #recordFor(run: Run, child: AdoptedChild): StoredSession {
    const { tree, clock } = this.#engine;
    const { open, ofToolUse } = this.#of(run);
    const known = tree.find(ofToolUse.get(child.toolUseId) ?? "");
    if (known !== undefined) return known;
    const above = open.get(child.parentToolUseId ?? "")?.sessionId ?? run.sessionId;
    const { session } = tree.get(above);
    const beside = session.depth < deepest ? undefined : tree.find(session.parentId ?? "");
    return adoptedRecord(beside?.session ?? session, child, clock.now());
  }

  #start(run: Run, child: AdoptedChild): OpenChild {
    const { tree, clock } = this.#engine;
    const before = this.#recordFor(run, child);
    const runId = newId();
    const at = clock.now();
    const queued = transition(before.session, { type: "enqueue", runId }, at);
    const session = transition(queued, { type: "start" }, at);
    const isNew = tree.find(session.id) === undefined;
    const started = {
      parentSessionId: session.parentId ?? "",
      childSessionId: session.id,
      runId,
      attempt: 1,
      session,
    };
    const message = { n: 1, at, role: "user" as const, text: child.prompt };
    void tree.commit(
      [
        {
          records: [{ ...before, session, started: true }],
          ...(isNew && { messages: [{ sessionId: session.id, message }] }),
          first: [{ method: "subAgent/started", params: started, rootId: session.rootId }],
        },
      ],
      { ifFailing: "retry" },
    );
    tree.live.set(session.id, { lastHeartbeatAt: at, lastProgressAt: at });
    this.#of(run).ofToolUse.set(child.toolUseId, session.id);
    return { sessionId: session.id, runId };
  }

  #end(run: Run, toolUseId: string, outcome: RunOutcome): void {
    const { tree, completions } = this.#engine;
    const { open, ends } = this.#of(run);
    const child = open.get(toolUseId);
    if (child === undefined || !open.delete(toolUseId)) return;
    const { messageCount } = tree.get(child.sessionId).session;
    const ended = completions.end(child.sessionId, endingOf(outcome, cancelledByParent), {
      readUpTo: messageCount,
      beforeNotifying: () => void tree.live.delete(child.sessionId),
    });
    ends.push(ended);
  }
}

const cancelledByParent = [{ kind: "cancelled", by: "parent" }] as const;

function adoptedRecord(parent: Session, child: AdoptedChild, at: number): StoredSession {
  const place = { parent, title: child.title, cwd: parent.cwd, at };
  const session: Session = {
    ...newChild(place),
    agent: parent.agent,
    ...(parent.runner !== undefined && { runner: parent.runner }),
    version: 0,
    messageCount: 1,
    adopted: true,
    toolUseId: child.toolUseId,
  };
  return { session, priority: 0, unreadFrom: 1, childCount: 0 };
}
