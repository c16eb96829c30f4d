/**
 * The extension's side of one transcript page: sends the state of the session and the number of its
 * last event, answers requests for events, and does what the buttons say. Needs no editor.
 *
 * A notification only says that there are events to read. Events are always read from the store, so
 * that a burst, a gap and a fresh start are the same case.
 */
import type { Approval } from "../../protocol/approvals.ts";
import type { Session, Usage } from "../../protocol/session.ts";
import { isLive } from "../../protocol/states.ts";
import { messageOf } from "../base/errors.ts";
import type { DaemonClient } from "../daemon/daemonClient.ts";
import type { SessionModel } from "../sessions/sessionModel.ts";
import { headFacts } from "./headFacts.ts";
import type { FromPage, HeadCommand, ToPage } from "./pageMessages.ts";
import { SessionReader } from "./sessionReader.ts";
import { cutText, mapTexts } from "./shownEvents.ts";

/** What only the editor can do. */
export interface EditorActions {
  /** Runs the command of that name. */
  run(command: HeadCommand): Promise<void>;
  /** Keeps the page, which was opened for a preview. */
  keep(): void;
  openSession(sessionId: string): Promise<void>;
  /** Relative paths begin at `cwd`. */
  openFile(place: { path: string; line?: number; column?: number }, cwd: string): Promise<void>;
  openLink(url: string): Promise<void>;
  openEvent(seq: number): Promise<void>;
}

interface Options {
  sessionId: string;
  client: Pick<DaemonClient, "call" | "on" | "onConnected">;
  model: Pick<SessionModel, "get" | "children" | "above" | "onDidChange">;
  editor: EditorActions;
  /** Connects where there is no connection. */
  start: () => Promise<void>;
  post: (message: ToPage) => void;
  /** Called with the title of the session whenever the head is sent. */
  onTitle: (title: string) => void;
  now: () => number;
}

type Part = "head" | "news" | "approvals";

const sendEveryMs = 60;
const tickMs = 1_000;
const mostOfInput = 64 * 1024;

export class PageHost {
  readonly #options: Options;
  readonly #reader: SessionReader;
  readonly #listening: { dispose(): void }[];
  readonly #ticking: NodeJS.Timeout;
  readonly #approvals = new Map<string, Approval>();
  readonly #due = new Set<Part>();
  #fetched: Session | undefined;
  #usage: Usage | undefined;
  #lastSeq = 0;
  #sentMessages = -1;
  #sentHead = "";
  #isGone = false;
  #isShown = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: Options) {
    this.#options = options;
    this.#reader = new SessionReader(options.client, options.sessionId);
    this.#listening = this.#listen();
    // The head says how long the run has taken.
    this.#ticking = setInterval(() => {
      const session = this.#session();
      if (this.#isShown && session !== undefined && isLive(session)) this.#send("head");
    }, tickMs);
  }

  /** Does what the page asks; a failure is sent to the page. */
  async receive(message: FromPage): Promise<void> {
    await this.#act(message).catch(this.#postError);
  }

  /** The page is hidden: nothing is sent until it is ready again. */
  pause(): void {
    if (!this.#isShown) return;
    this.#isShown = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { client, sessionId } = this.#options;
    // The answer is not needed, and without a connection there is no subscription.
    client.call("session/unsubscribe", { sessionId }).catch(() => undefined);
  }

  dispose(): void {
    this.pause();
    clearInterval(this.#ticking);
    for (const one of this.#listening) one.dispose();
  }

  #listen() {
    const { client, model, sessionId } = this.#options;
    return [
      client.on("subAgent/event", ({ childSessionId, seq, stored }) => {
        // An event that is not stored cannot be read, and after a crash its number is used again.
        if (childSessionId === sessionId && stored !== false) this.#eventsUpTo(seq);
      }),
      client.on("subAgent/gap", (gap) => {
        if (gap.sessionId === sessionId) this.#eventsUpTo(gap.to);
      }),
      client.on("subAgent/heartbeat", ({ childSessionId, usage }) => {
        if (childSessionId === sessionId) this.#usage = usage;
      }),
      client.on("session/changed", ({ session }) => {
        if (session.id !== sessionId) return;
        if (session.version > (this.#fetched?.version ?? -1)) this.#fetched = session;
        if (!isLive(session)) this.#usage = undefined;
        this.#eventsUpTo(session.lastSeq);
        this.#send("head");
      }),
      // After a crash of the core this may be the only notification of the end.
      client.on("subAgent/completed", ({ childSessionId }) => {
        if (childSessionId === sessionId) this.#sendAllIfShown();
      }),
      client.on("session/removed", ({ sessionIds }) => {
        if (!sessionIds.includes(sessionId)) return;
        this.#isGone = true;
        this.#send("head");
      }),
      client.on("approval/requested", ({ approval }) => {
        if (approval.sessionId !== sessionId) return;
        this.#addApproval(approval);
        this.#send("approvals");
      }),
      client.on("approval/resolved", ({ approvalId }) => {
        if (this.#approvals.delete(approvalId)) this.#send("approvals");
      }),
      client.onConnected(() => this.#sendAllIfShown()),
      model.onDidChange((ids) => {
        if (ids === undefined || ids.some((id) => this.#isInHead(id))) this.#send("head");
      }),
    ];
  }

  async #act(message: FromPage): Promise<void> {
    const { sessionId, client, editor, start, post } = this.#options;
    switch (message.type) {
      case "ready":
        this.#isShown = true;
        this.#sentHead = "";
        await start();
        return await this.#sendAll();
      case "read": {
        const { asked, after, limit } = message;
        try {
          const read = await this.#reader.events(after, limit);
          this.#lastSeq = Math.max(this.#lastSeq, read.lastSeq);
          post({ type: "events", asked, ...read });
        } catch (error) {
          post({ type: "readFailed", asked, text: messageOf(error) });
        }
        return;
      }
      case "send":
        try {
          const { text } = message;
          const { delivery } = await client.call("session/send", { sessionId, text });
          post({ type: "sent", text: deliveryTexts[delivery] });
        } catch (error) {
          post({ type: "notSent", text: messageOf(error) });
        }
        return;
      case "respond":
        await client.call("approval/respond", message.answer);
        return;
      case "do":
        return await editor.run(message.command);
      case "keep":
        return editor.keep();
      case "openSession":
        return await editor.openSession(message.sessionId);
      case "openFile":
        return await editor.openFile(message, this.#session()?.cwd ?? "");
      case "openLink":
        return await editor.openLink(message.url);
      case "openEvent":
        return await editor.openEvent(message.seq);
    }
  }

  /** The newest version: the model includes heartbeats, but may be behind after a reconnect. */
  #session(): Session | undefined {
    const modelled = this.#options.model.get(this.#options.sessionId);
    return (modelled?.version ?? -1) >= (this.#fetched?.version ?? 0) ? modelled : this.#fetched;
  }

  /** Sends soon, so that a burst of changes is sent once. */
  #send(part: Part): void {
    this.#due.add(part);
    if (this.#isShown) this.#timer ??= setTimeout(() => this.#sendNow(), sendEveryMs);
  }

  #sendNow(): void {
    const { post } = this.#options;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const due = new Set(this.#due);
    this.#due.clear();
    if (due.has("news")) post({ type: "news", lastSeq: this.#lastSeq });
    const approvals = [...this.#approvals.values()];
    if (due.has("approvals")) post({ type: "approvals", approvals });
    const session = this.#session();
    if (due.has("head") && session !== undefined) this.#sendHead(session);
  }

  #sendHead(session: Session): void {
    const { model, post, onTitle, now } = this.#options;
    if (session.messageCount > this.#sentMessages) {
      this.#sendMessages(session.messageCount).catch(this.#postError);
    }
    const facts = { session, usage: this.#usage, model, isGone: this.#isGone, now: now() };
    const head = headFacts(facts);
    const text = JSON.stringify(head);
    if (text === this.#sentHead) return;
    this.#sentHead = text;
    post({ type: "head", head });
    onTitle(session.title);
  }

  async #sendMessages(count: number): Promise<void> {
    this.#sentMessages = count;
    const messages = await this.#reader.sentMessages();
    this.#options.post({ type: "messages", messages });
  }

  #sendAllIfShown(): void {
    if (this.#isShown) this.#sendAll().catch(this.#postError);
  }

  /** Sends everything again, to a new page and after a reconnect. */
  async #sendAll(): Promise<void> {
    const { client, sessionId } = this.#options;
    const { session } = await client.call("session/get", { sessionId });
    this.#fetched = session;
    this.#lastSeq = session.lastSeq;
    const after = this.#lastSeq;
    const subscribed = await client.call("session/subscribe", { sessionId, after });
    this.#lastSeq = Math.max(this.#lastSeq, subscribed.lastSeq);
    this.#sentMessages = -1;
    this.#due.add("head").add("news");
    this.#sendNow();
    const { approvals } = await client.call("approval/list", { rootId: session.rootId });
    this.#approvals.clear();
    for (const one of approvals) if (one.sessionId === sessionId) this.#addApproval(one);
    this.#send("approvals");
  }

  #addApproval(approval: Approval): void {
    const input = mapTexts(approval.input, (text) => cutText(text, mostOfInput));
    this.#approvals.set(approval.id, { ...approval, input });
  }

  #eventsUpTo(seq: number): void {
    if (seq <= this.#lastSeq) return;
    this.#lastSeq = seq;
    this.#send("news");
  }

  readonly #postError = (error: unknown) =>
    this.#options.post({ type: "said", level: "error", text: messageOf(error) });

  /** The head shows the session itself, its children, and the sessions above it. */
  #isInHead(id: string): boolean {
    const { model, sessionId } = this.#options;
    if (id === sessionId || model.get(id)?.parentId === sessionId) return true;
    const session = this.#session();
    return session !== undefined && model.above(session).some((above) => above.id === id);
  }
}

const deliveryTexts = {
  injected: "given to the run.",
  queued: "kept until a run can read it.",
  run: "begins a new run.",
};
