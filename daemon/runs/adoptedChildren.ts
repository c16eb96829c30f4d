/**
 * Sub-agents that outside agents start by themselves: each is shown as a child session of the run,
 * once per tool call, takes no slot, and ends with its tool call or with the run.
 */
import { v7 as newId } from "uuid";
import type { AgentEvent } from "../../protocol/events.ts";
import { noUsage, type Session, type Usage } from "../../protocol/session.ts";
import type { Completions } from "./completions.ts";
import { endingOf, type RunOutcome } from "../sessions/endings.ts";
import type { LiveRun } from "./life.ts";
import type { AdoptedChild, AdoptedSession } from "../runners/runner.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import type { StoredSession } from "../sessions/records.ts";
import { transition } from "../sessions/transition.ts";

export interface Adoption {
  adopt(run: LiveRun, child: AdoptedChild): AdoptedSession;
  /** Ends what the run's agent left open; resolves when it was told. */
  endAll(run: LiveRun): Promise<void>;
}

/** Sub-agents deeper than any real ones are shown beside their parent: nobody can draw such a tree. */
const deepest = 100;

interface Parts {
  tree: SessionTree;
  completions: () => Completions;
  countUsage: (run: LiveRun, more: Partial<Usage>, sessionId: string) => void;
  now: () => number;
}

export function createAdoption({ tree, completions, countUsage, now }: Parts): Adoption {
  /** Open children of each run, by the tool call that they stand for. */
  const open = new WeakMap<LiveRun, Map<string, { sessionId: string; runId: string }>>();
  const ends = new WeakMap<LiveRun, Promise<unknown>[]>();
  const earlier = new WeakMap<LiveRun, Map<string, string>>();

  function openOf(run: LiveRun) {
    const found = open.get(run) ?? new Map<string, { sessionId: string; runId: string }>();
    open.set(run, found);
    return found;
  }

  /** What stood for the tool calls of earlier runs and attempts; looked for once per run. */
  function earlierOf(run: LiveRun): Map<string, string> {
    const known = earlier.get(run);
    if (known !== undefined) return known;
    const found = new Map<string, string>();
    for (const id of tree.descendantsOf(run.sessionId)) {
      const { adopted, toolUseId } = tree.get(id).session;
      if (adopted === true && toolUseId !== undefined) found.set(toolUseId, id);
    }
    earlier.set(run, found);
    return found;
  }

  /** The session that stood for the tool call before a reconnect, or a new one. */
  function recordFor(run: LiveRun, child: AdoptedChild): StoredSession {
    const known = tree.find(earlierOf(run).get(child.toolUseId) ?? "");
    if (known !== undefined) return known;
    const above = openOf(run).get(child.parentToolUseId ?? "")?.sessionId ?? run.sessionId;
    const { session } = tree.get(above);
    const beside = session.depth < deepest ? undefined : tree.find(session.parentId ?? "");
    return newRecord(beside?.session ?? session, child, now());
  }

  function start(run: LiveRun, child: AdoptedChild): { sessionId: string; runId: string } {
    const before = recordFor(run, child);
    const runId = newId();
    const at = now();
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
      { ifFailing: "keep" },
    );
    tree.live.set(session.id, { lastHeartbeatAt: at, lastProgressAt: at });
    earlierOf(run).set(child.toolUseId, session.id);
    return { sessionId: session.id, runId };
  }

  function end(run: LiveRun, toolUseId: string, outcome: RunOutcome): void {
    const child = openOf(run).get(toolUseId);
    if (child === undefined || !openOf(run).delete(toolUseId)) return;
    const { messageCount } = tree.get(child.sessionId).session;
    const ended = completions().end(child.sessionId, endingOf(outcome, cancelledByParent), {
      readUpTo: messageCount,
      beforeTelling: () => void tree.live.delete(child.sessionId),
    });
    const others = ends.get(run) ?? [];
    others.push(ended);
    ends.set(run, others);
  }

  return {
    adopt(run, child) {
      const known = openOf(run).get(child.toolUseId);
      const adopted = known ?? start(run, child);
      openOf(run).set(child.toolUseId, adopted);
      const isOpen = () => openOf(run).has(child.toolUseId) && run.phase !== "closed";
      return {
        emit(event: AgentEvent) {
          const facts = tree.live.get(adopted.sessionId);
          if (!isOpen() || facts === undefined) return;
          facts.lastProgressAt = now();
          // An event without a JSON form is the agent's fault and nobody else's.
          tree.append(adopted.sessionId, adopted.runId, event).catch(() => undefined);
        },
        addUsage: (more) => isOpen() && countUsage(run, more, adopted.sessionId),
        end: (outcome) => end(run, child.toolUseId, outcome),
      };
    },
    async endAll(run) {
      // The youngest first, so that children end before their parents.
      for (const toolUseId of [...openOf(run).keys()].reverse()) {
        end(run, toolUseId, { status: "aborted" });
      }
      await Promise.all(ends.get(run) ?? []);
    },
  };
}

const cancelledByParent = [{ kind: "cancelled", by: "parent" }] as const;

function newRecord(parent: Session, child: AdoptedChild, at: number): StoredSession {
  const session: Session = {
    id: newId(),
    kind: "child",
    parentId: parent.id,
    rootId: parent.rootId,
    depth: parent.depth + 1,
    title: child.title,
    agent: parent.agent,
    ...(parent.runner !== undefined && { runner: parent.runner }),
    cwd: parent.cwd,
    status: "created",
    version: 0,
    createdAt: at,
    updatedAt: at,
    lastSeq: 0,
    messageCount: 1,
    adopted: true,
    toolUseId: child.toolUseId,
    usage: noUsage,
    treeUsage: noUsage,
    limits: {},
  };
  return { session, priority: 0, unreadFrom: 1, childCount: 0 };
}
