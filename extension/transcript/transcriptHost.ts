/**
 * What stands behind one transcript's page: tells it how the session is and that there are more
 * events, gives it those that it asks for, and does what its buttons say. Knows no editor.
 *
 * What is told live only says that there is something to read: the events are always read from the
 * store, so that a burst, a gap and a fresh start are one and the same case.
 */
import type { Approval } from "../../protocol/approvals.ts";
import type { Session, Usage } from "../../protocol/session.ts";
import { isLive } from "../../protocol/states.ts";
import type { DaemonClient } from "../daemon/daemonClient.ts";
import type { SessionModel } from "../sessions/sessionModel.ts";
import { headFacts } from "./headFacts.ts";
import type { FromPage, HeadCommand, ToPage } from "./pageMessages.ts";
import { createSessionReader } from "./sessionReader.ts";
import { cutText, mapTexts } from "./shownEvents.ts";

/** What only the editor can do. */
export interface TranscriptDoors {
  /** Does what a command of that name does. */
  run(command: HeadCommand): Promise<void>;
  /** The page is not only for a glance any more. */
  keep(): void;
  openSession(sessionId: string): Promise<void>;
  /** `cwd`: where relative paths begin. */
  openFile(place: { path: string; line?: number; column?: number }, cwd: string): Promise<void>;
  openLink(url: string): Promise<void>;
  openEvent(seq: number): Promise<void>;
}

interface Parts {
  sessionId: string;
  client: Pick<DaemonClient, "call" | "on" | "onConnected">;
  model: Pick<SessionModel, "get" | "children" | "onDidChange">;
  doors: TranscriptDoors;
  /** Connects, where there is no connection. */
  start: () => Promise<void>;
  post: (message: ToPage) => void;
  /** Called with the title whenever the head is told. */
  titled: (title: string) => void;
  now: () => number;
}

export interface TranscriptHost {
  /** Does what the page says; a failure is told to the page. */
  receive(message: FromPage): Promise<void>;
  /** Nobody looks: nothing more is told until the page says `ready` again. */
  rest(): void;
  dispose(): void;
}

const tellEveryMs = 60;
const tickMs = 1_000;
const mostOfInput = 64 * 1024;

export function createTranscriptHost(parts: Parts): TranscriptHost {
  const { sessionId, client, model, doors, start, post } = parts;
  const reader = createSessionReader(client, sessionId);
  const approvals = new Map<string, Approval>();
  let fetched: Session | undefined;
  let usage: Usage | undefined;
  let lastSeq = 0;
  let messagesTold = -1;
  let headTold = "";
  let isGone = false;
  let isWatched = false;
  let telling: NodeJS.Timeout | undefined;
  const due = new Set<"head" | "news" | "approvals">();

  /** The model also knows what heartbeats tell; while it is made anew it may be behind. */
  function session(): Session | undefined {
    const modelled = model.get(sessionId);
    return (modelled?.version ?? -1) >= (fetched?.version ?? 0) ? modelled : fetched;
  }

  /** A burst of news is told once. */
  function tell(what: "head" | "news" | "approvals"): void {
    due.add(what);
    if (isWatched) telling ??= setTimeout(tellNow, tellEveryMs);
  }

  function tellNow(): void {
    clearTimeout(telling);
    telling = undefined;
    if (due.has("news")) post({ type: "news", lastSeq });
    if (due.has("approvals")) post({ type: "approvals", approvals: [...approvals.values()] });
    const known = session();
    if (due.has("head") && known !== undefined) tellHead(known);
    due.clear();
  }

  function tellHead(known: Session): void {
    if (known.messageCount > messagesTold) void tellMessages(known).catch(sayError);
    const head = headFacts({ session: known, usage, model, isGone, now: parts.now() });
    const text = JSON.stringify(head);
    if (text === headTold) return;
    headTold = text;
    post({ type: "head", head });
    parts.titled(known.title);
  }

  async function tellMessages({ messageCount }: Session): Promise<void> {
    messagesTold = messageCount;
    post({ type: "messages", messages: await reader.sentMessages() });
  }

  /** Everything from the beginning: for a page that has just been made, and after a reconnect. */
  async function tellAll(): Promise<void> {
    fetched = (await client.call("session/get", { sessionId })).session;
    lastSeq = fetched.lastSeq;
    const subscribed = await client.call("session/subscribe", { sessionId, after: lastSeq });
    lastSeq = Math.max(lastSeq, subscribed.lastSeq);
    messagesTold = -1;
    for (const what of ["head", "news"] as const) due.add(what);
    tellNow();
    const { approvals: open } = await client.call("approval/list", { rootId: fetched.rootId });
    approvals.clear();
    for (const approval of open) if (approval.sessionId === sessionId) add(approval);
    tell("approvals");
  }

  function add(approval: Approval): void {
    const input = mapTexts(approval.input, (text) => cutText(text, mostOfInput));
    approvals.set(approval.id, { ...approval, input });
  }

  function noticed(seq: number): void {
    if (seq <= lastSeq) return;
    lastSeq = seq;
    tell("news");
  }

  function sayError(error: unknown): void {
    post({ type: "said", level: "error", text: textOf(error) });
  }

  /** In the head: the session itself, its children, and what it stands below. */
  function isShown(id: string): boolean {
    if (id === sessionId || model.get(id)?.parentId === sessionId) return true;
    let above = session()?.parentId ?? null;
    while (above !== null && above !== id) above = model.get(above)?.parentId ?? null;
    return above === id;
  }

  const listening = [
    client.on("subAgent/event", (told) => {
      // What is not stored cannot be read, and after a crash its number may be given again.
      if (told.childSessionId === sessionId && told.stored !== false) noticed(told.seq);
    }),
    client.on("subAgent/gap", (gap) => {
      if (gap.sessionId === sessionId) noticed(gap.to);
    }),
    client.on("subAgent/heartbeat", (beat) => {
      if (beat.childSessionId === sessionId) usage = beat.usage;
    }),
    client.on("session/changed", ({ session: changed }) => {
      if (changed.id !== sessionId) return;
      if (changed.version > (fetched?.version ?? -1)) fetched = changed;
      if (!isLive(changed)) usage = undefined;
      noticed(changed.lastSeq);
      tell("head");
    }),
    // After a crash of the core this may be all that is told of the end.
    client.on("subAgent/completed", ({ childSessionId }) => {
      if (childSessionId === sessionId && isWatched) void tellAll().catch(sayError);
    }),
    client.on("session/removed", ({ sessionIds }) => {
      if (!sessionIds.includes(sessionId)) return;
      isGone = true;
      tell("head");
    }),
    client.on("approval/requested", ({ approval }) => {
      if (approval.sessionId !== sessionId) return;
      add(approval);
      tell("approvals");
    }),
    client.on("approval/resolved", ({ approvalId }) => {
      if (approvals.delete(approvalId)) tell("approvals");
    }),
    client.onConnected(() => void (isWatched && tellAll().catch(sayError))),
    model.onDidChange((ids) => {
      if (ids === undefined || ids.some(isShown)) tell("head");
    }),
  ];
  // The time that a run has taken is part of the head.
  const ticking = setInterval(() => {
    const known = session();
    if (isWatched && known !== undefined && isLive(known)) tell("head");
  }, tickMs);

  /** Answers what became of it. */
  async function send(text: string): Promise<string> {
    const { delivery } = await client.call("session/send", { sessionId, text });
    return deliveryWords[delivery];
  }

  async function act(message: FromPage): Promise<void> {
    switch (message.type) {
      case "ready":
        isWatched = true;
        headTold = "";
        await start();
        return await tellAll();
      case "read": {
        const { asked, after, limit } = message;
        try {
          const read = await reader.events(after, limit);
          lastSeq = Math.max(lastSeq, read.lastSeq);
          post({ type: "events", asked, ...read });
        } catch (error) {
          post({ type: "readFailed", asked, text: textOf(error) });
        }
        return;
      }
      case "send":
        try {
          post({ type: "sent", text: await send(message.text) });
        } catch (error) {
          post({ type: "notSent", text: textOf(error) });
        }
        return;
      case "respond":
        await client.call("approval/respond", message.answer);
        return;
      case "do":
        return await doors.run(message.command);
      case "keep":
        return doors.keep();
      case "openSession":
        return await doors.openSession(message.sessionId);
      case "openFile":
        return await doors.openFile(message, session()?.cwd ?? "");
      case "openLink":
        return await doors.openLink(message.url);
      case "openEvent":
        return await doors.openEvent(message.seq);
    }
  }

  return {
    receive: (message) => act(message).catch(sayError),
    rest() {
      if (!isWatched) return;
      isWatched = false;
      clearTimeout(telling);
      telling = undefined;
      // Nobody waits for the answer, and without a connection there is no subscription either.
      client.call("session/unsubscribe", { sessionId }).catch(() => undefined);
    },
    dispose() {
      this.rest();
      clearInterval(ticking);
      for (const one of listening) one.dispose();
    },
  };
}

const deliveryWords = {
  injected: "given to the run.",
  queued: "kept until a run can read it.",
  run: "begins a new run.",
};

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
