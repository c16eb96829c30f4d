/** What a session has to work on: queueing a run of it, and messages for whatever state it is in. */
import { v7 as newId } from "uuid";
import { OffshootError } from "../../protocol/errors.ts";
import type { ParamsOf, ResultOf } from "../../protocol/messages.ts";
import type { Session } from "../../protocol/session.ts";
import type { Agents } from "../profiles/catalogue.ts";
import type { Client } from "../server/hub.ts";
import { endRun, isUnwanted, type LiveRun } from "./life.ts";
import type { RunQueue } from "./queue.ts";
import type { SessionEnvironments } from "./environments.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import type { Settings } from "../config/settings.ts";
import type { StoredSession } from "../sessions/records.ts";
import type { Store } from "../store/sessionStore.ts";
import { isOpen, transition } from "../sessions/transition.ts";

export interface Messaging {
  /** Queues a new run. Throws where the session has one, or cannot have any now. */
  enqueue(record: StoredSession, wanted: NewRun): Promise<Session>;
  send(
    params: ParamsOf<"session/send">,
    client?: Client,
  ): Promise<ResultOf<"session/send">["delivery"]>;
}

interface NewRun {
  message: string | undefined;
  /** Its configuration and its environment count for the run; without one, those of the last run. */
  client: Client | undefined;
}

interface Parts {
  tree: SessionTree;
  store: Store;
  queue: RunQueue;
  agents: Pick<Agents, "renewed">;
  environments: Pick<SessionEnvironments, "wanted">;
  settings: () => Settings;
  now: () => number;
  liveRun: (sessionId: string) => LiveRun | undefined;
  /** The child session; throws for a root, and for what is unknown. */
  child: (sessionId: string) => StoredSession;
  /** Throws where nothing new may begin in the session. */
  refuse: (record: StoredSession) => void;
  /** Puts a queued session in its place. */
  add: (record: StoredSession) => void;
}

export function createMessaging(parts: Parts): Messaging {
  const { tree, store, queue, settings, now, liveRun, child, refuse } = parts;

  async function enqueue(record: StoredSession, { message, client }: NewRun): Promise<Session> {
    const moved = transition(record.session, { type: "enqueue", runId: newId() }, now());
    refuse(record);
    queue.admit(record.session.rootId, settings().queue);
    const added = message === undefined ? {} : appended(record, message);
    const session = { ...moved, messageCount: record.session.messageCount + (message ? 1 : 0) };
    const renewed = client === undefined ? record : parts.agents.renewed(record, client);
    const queued: StoredSession = { ...renewed, session, started: false };
    const stored = await tree.commit([{ records: [queued], ...added }], { ifFailing: "giveUp" });
    if (!stored) throw storeUnavailable(store);
    if (client !== undefined) parts.environments.wanted(session.id, client);
    parts.add(tree.get(session.id));
    return tree.show(session.id);
  }

  function appended({ session }: StoredSession, text: string) {
    const n = session.messageCount + 1;
    const message = { n, at: now(), role: "user" as const, text };
    return { messages: [{ sessionId: session.id, message }] };
  }

  /** Keeps a message for the run that is under way, or for the next one; answers its number. */
  async function keep(record: StoredSession, text: string): Promise<number> {
    const messageCount = record.session.messageCount + 1;
    const session = { ...record.session, messageCount };
    const next = { ...record, session: transition(session, { type: "update", fields: {} }, now()) };
    const stored = await tree.commit([{ records: [next], ...appended(record, text) }], {
      ifFailing: "giveUp",
    });
    if (!stored) throw storeUnavailable(store);
    return messageCount;
  }

  return {
    enqueue,
    async send({ sessionId, text, interrupt }, client) {
      const last = liveRun(sessionId);
      // It reads no more, and no run follows it that would: the message starts one.
      if (last !== undefined && isUnwanted(last)) await last.done;
      const record = child(sessionId);
      if (!isOpen(record.session)) {
        await enqueue(record, { message: text, client });
        return "run";
      }
      refuse(record);
      const n = await keep(record, text);
      const run = liveRun(sessionId);
      if (run?.escalated !== undefined) {
        run.escalated.answered();
        return "injected";
      }
      if (run === undefined) return "queued";
      if (interrupt === true) endRun(run, { kind: "replaced" });
      return inject(run, n, text);
    },
  };
}

/**
 * Gives a message to an agent that can take it, unless an earlier one waits for the next run. Until
 * the agent has read it, it is unread: when the run ends before, the next one gets it.
 */
function inject(run: LiveRun, n: number, text: string): "injected" | "queued" {
  if (run.phase !== "open" || run.causes.length > 0 || run.givenUpTo !== n - 1) return "queued";
  let isRead = false;
  const read = () => {
    isRead = true;
    if (run.givenUpTo >= n) run.readUpTo = Math.max(run.readUpTo, n);
  };
  if (run.takeMessage?.(text, read) !== "injected") return "queued";
  run.givenUpTo = n;
  if (isRead) read();
  return "injected";
}

export function storeUnavailable(store: Store): OffshootError {
  const cause = store.health.ok ? "the write failed" : store.health.cause;
  return new OffshootError("storeUnavailable", `the store cannot take it: ${cause}`, { cause });
}
