/** Queues runs, and delivers messages to sessions in whatever state. */
import { v7 as newId } from "uuid";
import type { ParamsOf, ResultOf } from "../../protocol/messages.ts";
import type { Session } from "../../protocol/session.ts";
import type { Catalogue } from "../profiles/catalogue.ts";
import type { Caller } from "../sessions/caller.ts";
import type { StoredSession } from "../sessions/records.ts";
import { isOpen, transition } from "../sessions/transition.ts";
import type { Engine } from "./engine.ts";
import type { SessionEnvironments } from "./environments.ts";
import { endRun, isUnwanted, type Run } from "./run.ts";

export interface MessageParts {
  engine: Engine;
  agents: Pick<Catalogue, "renewed">;
  environments: Pick<SessionEnvironments, "wanted">;
}

/** What a new run is made of. */
interface NewRun {
  message?: string;
  /** The client whose configuration and environment count; without one, those of the last run. */
  caller: Caller | undefined;
}

/** Queues a new run. Throws where the session has one, or cannot have any now. */
export async function enqueueRun(
  { engine, agents, environments }: MessageParts,
  record: StoredSession,
  { message, caller }: NewRun,
): Promise<Session> {
  const { tree, queue, settings, cancels, clock } = engine;
  const moved = transition(record.session, { type: "enqueue", runId: newId() }, clock.now());
  cancels.refuse(record);
  queue.admit(record.session.rootId, settings().queue);
  const added = message === undefined ? {} : appended(engine, record, message);
  const session = { ...moved, messageCount: record.session.messageCount + (message ? 1 : 0) };
  const renewed = caller === undefined ? record : agents.renewed(record, caller);
  await tree.commitOrRefuse([{ records: [{ ...renewed, session, started: false }], ...added }]);
  if (caller !== undefined) environments.wanted(session.id, caller);
  engine.queueUp(tree.get(session.id));
  return tree.show(session.id);
}

/** Gives a message to the live run, keeps it for the next run, or starts a run for the message. */
export async function sendMessage(
  parts: MessageParts,
  { sessionId, text, interrupt }: ParamsOf<"session/send">,
  caller?: Caller,
): Promise<ResultOf<"session/send">["delivery"]> {
  const { engine } = parts;
  const { tree, runs, cancels, intake } = engine;
  intake.refuseIfClosed();
  const last = runs.get(sessionId);
  // That run reads no more, and no other follows it: the message starts one.
  if (last !== undefined && isUnwanted(last)) await last.done;
  const record = tree.getChild(sessionId);
  if (!isOpen(record.session)) {
    await enqueueRun(parts, record, { message: text, caller });
    return "run";
  }
  cancels.refuse(record);
  const n = await keep(engine, record, text);
  const run = runs.get(sessionId);
  if (run === undefined) return "queued";
  if (run.state.at === "between" && run.state.why === "escalated") {
    run.state.resume();
    return "injected";
  }
  if (interrupt === true) endRun(run, { kind: "replaced" });
  return inject(run, n, text);
}

function appended({ clock }: Engine, { session }: StoredSession, text: string) {
  const n = session.messageCount + 1;
  const message = { n, at: clock.now(), role: "user" as const, text };
  return { messages: [{ sessionId: session.id, message }] };
}

/** Keeps a message for the run that is under way, or for the next one; answers its number. */
async function keep(engine: Engine, record: StoredSession, text: string): Promise<number> {
  const messageCount = record.session.messageCount + 1;
  const move = { type: "update", fields: {} } as const;
  const session = transition({ ...record.session, messageCount }, move, engine.clock.now());
  const added = appended(engine, record, text);
  await engine.tree.commitOrRefuse([{ records: [{ ...record, session }], ...added }]);
  return messageCount;
}

/**
 * Gives a message to an agent that can take it, unless an earlier one waits for the next run. Until
 * the agent has read it, it is unread: when the run ends before, the next one gets it.
 */
function inject(run: Run, n: number, text: string): "injected" | "queued" {
  const { state, stop, inbox } = run;
  if (state.at !== "attempting" || stop.causes.length > 0) return "queued";
  if (inbox.givenUpTo !== n - 1) return "queued";
  let isRead = false;
  const read = () => {
    isRead = true;
    if (inbox.givenUpTo >= n) inbox.readUpTo = Math.max(inbox.readUpTo, n);
  };
  if (state.attempt.takeMessage?.(text, read) !== "injected") return "queued";
  inbox.givenUpTo = n;
  if (isRead) read();
  return "injected";
}
