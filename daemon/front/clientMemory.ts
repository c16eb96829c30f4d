/**
 * What a front keeps of its client, so that the client can continue with another core when its own
 * has died. Frames pass through here by the ten thousand: only those that change what is kept are
 * parsed.
 */
import { stoppingMethod } from "../wire/handshake.ts";
import {
  answerId,
  eventHead,
  fieldsOf,
  isRequestId,
  listOf,
  methodStart,
  notificationText,
  numberOf,
  parseMessage,
  type Fields,
  type Message,
  type RequestId,
} from "./messages.ts";

export type Pending = [id: RequestId, asked: { method: string }][];

/** What a frame of the core means to the front; undefined: the front only passes the frame on. */
export type CoreFrame = { kind: "answer"; id: RequestId } | { kind: "stopping" } | undefined;

export class ClientMemory {
  readonly #environment: Readonly<Record<string, string>>;
  /** The body of the client's `initialize`, with its workspace folders as they are now. */
  #initialize: Buffer | undefined;
  /** A core has answered `initialize`. */
  #isOpen = false;
  #isShutDown = false;
  /** The client's `initialized`, and the body of its last `workspace/didChangeConfiguration`. */
  #settled: Settled = { initialized: false, configuration: undefined };
  /** The same as far as the last core received them. */
  #settledBefore = this.#settled;
  /** The client's `tree/subscribe`, and the highest completion that the client received. */
  #tree: { params: Fields; completionSeq: number } | undefined;
  /** The highest completion that was sent again since the client's last `tree/subscribe`. */
  #replayedTo = 0;
  /** The runs that the client knows and that have not ended, each with its last stored event. */
  readonly #runs = new Map<string, { runId: string; seq: number }>();
  /** The sessions that the client subscribed to singly, each with its last stored event. */
  readonly #sessions = new Map<string, number>();
  /** The client's models and keys, as the params of the request that gives them to a core. */
  readonly #lent = new Map<string, Fields>();
  /** The approvals that the client knows and that have no answer, with the root of their tree. */
  readonly #approvals = new Map<string, string>();
  /** The requests without an answer; `params` only where a later core needs them again. */
  readonly #pending = new Map<RequestId, { method: string; params?: Fields }>();

  /** `environment` becomes part of the client's `initialize`, unless that names one itself. */
  constructor(environment: Readonly<Record<string, string>>) {
    this.#environment = environment;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }
  get isShutDown(): boolean {
    return this.#isShutDown;
  }
  get hasPending(): boolean {
    return this.#pending.size > 0;
  }

  /** Notes a frame of the client; returns its message, and the body that the core receives. */
  noteClientFrame(body: Buffer): { message: Message; passed: Buffer } {
    const message = parseMessage(body) ?? {};
    const { id, method, params } = message;
    const unchanged = { message, passed: body };
    if (typeof method !== "string") return unchanged;
    if (method === "shutdown") this.#isShutDown = true;
    if (isRequestId(id)) {
      const kept = changingRequests.has(method) ? fieldsOf(params) : undefined;
      this.#pending.set(id, kept === undefined ? { method } : { method, params: kept });
      if (method === "tree/subscribe") this.#replayedTo = 0;
      if (method === "initialize" && this.#initialize === undefined) {
        // Bodies are views into what came from the client: what is kept has to be a copy.
        this.#initialize = withEnvironment(message, this.#environment) ?? Buffer.from(body);
        return { message, passed: this.#initialize };
      }
    } else if (method === "initialized") {
      this.#settled = { ...this.#settled, initialized: true };
    } else if (method === "workspace/didChangeWorkspaceFolders") {
      this.#initialize &&= withFolders(this.#initialize, fieldsOf(params)?.["event"]);
    } else if (method === "workspace/didChangeConfiguration") {
      this.#settled = { ...this.#settled, configuration: Buffer.from(body) };
    }
    return unchanged;
  }

  /** Notes a frame of the core. The id of every answer is returned, also if nobody asked. */
  noteCoreFrame(body: Buffer): CoreFrame {
    const method = methodStart(body);
    if (method !== undefined) {
      if (method.startsWith("subAgent/event")) this.#noteEvent(body);
      else if (method.startsWith("subAgent/started"))
        this.#keepRun(fieldsOf(parseMessage(body)?.params)?.["session"]);
      else if (method.startsWith("subAgent/completed")) this.#noteCompletion(body);
      else if (method.startsWith("approval/re")) this.#noteApproval(body);
      else if (method.startsWith(stoppingMethod)) return { kind: "stopping" };
      return undefined;
    }
    const id = answerId(body);
    if (id === undefined) return undefined;
    this.#noteAnswer(id, body);
    return { kind: "answer", id };
  }

  /** Whether the session has a run that has begun and not ended. */
  #keepRun(session: unknown): boolean {
    const { id, runId, status, lastSeq } = fieldsOf(session) ?? {};
    if (typeof id !== "string" || typeof runId !== "string") return false;
    if (status !== "running" && status !== "suspended") return false;
    this.#runs.set(id, { runId, seq: numberOf(lastSeq) ?? 0 });
    return true;
  }

  #noteEvent(body: Buffer): void {
    const { sessionId, seq, isStored } = eventHead(body);
    // An event that was not stored is lost when its core dies, and its number is used again.
    if (typeof sessionId !== "string" || typeof seq !== "number" || !isStored) return;
    const run = this.#runs.get(sessionId);
    if (run !== undefined) run.seq = Math.max(run.seq, seq);
    const before = this.#sessions.get(sessionId);
    if (before !== undefined && seq > before) this.#sessions.set(sessionId, seq);
  }

  #noteCompletion(body: Buffer): void {
    const params = fieldsOf(parseMessage(body)?.params) ?? {};
    const { childSessionId, runId, completionSeq, replayed, stored } = params;
    const sessionId = String(childSessionId);
    // The completion of a run may arrive after the start of the session's next run.
    if (this.#runs.get(sessionId)?.runId === runId) this.#runs.delete(sessionId);
    // A completion that was not stored is lost when its core dies, and its number is used again.
    if (typeof completionSeq !== "number" || stored === false) return;
    if (replayed === true) this.#replayedTo = Math.max(this.#replayedTo, completionSeq);
    const tree = this.#tree;
    if (tree) tree.completionSeq = Math.max(tree.completionSeq, completionSeq);
  }

  #noteApproval(body: Buffer): void {
    const { approval, approvalId } = fieldsOf(parseMessage(body)?.params) ?? {};
    if (typeof approvalId === "string") this.#approvals.delete(approvalId);
    else this.#keepApproval(approval);
  }

  #keepApproval(approval: unknown): void {
    const { id, path } = fieldsOf(approval) ?? {};
    const [root] = listOf(path);
    if (typeof id === "string") this.#approvals.set(id, String(fieldsOf(root)?.["id"]));
  }

  #noteAnswer(id: RequestId, body: Buffer): void {
    const asked = this.#pending.get(id);
    this.#pending.delete(id);
    if (asked === undefined || !changingRequests.has(asked.method)) return;
    const { result, error } = parseMessage(body) ?? {};
    if (error === undefined) this.#noteSuccess(asked.method, asked.params ?? {}, result);
    else if (asked.method === "initialize" && !this.#isOpen) this.#initialize = undefined;
  }

  #noteSuccess(method: string, params: Fields, result: unknown): void {
    const sessionId = String(params["sessionId"]);
    switch (method) {
      case "initialize":
        this.#isOpen = true;
        break;
      case "tree/subscribe": {
        const { completionSeq } = fieldsOf(result) ?? {};
        const after = numberOf(params["afterCompletion"]) ?? numberOf(completionSeq) ?? 0;
        this.#tree = { params, completionSeq: Math.max(after, this.#replayedTo) };
        this.#runs.clear();
        for (const session of sessionsIn(result)) this.#keepRun(session);
        break;
      }
      case "tree/unsubscribe":
        this.#tree = undefined;
        this.#approvals.clear();
        break;
      case "approval/list":
        for (const one of listOf(fieldsOf(result)?.["approvals"])) this.#keepApproval(one);
        break;
      case "session/subscribe":
        this.#sessions.set(sessionId, numberOf(params["after"]) ?? 0);
        break;
      case "session/unsubscribe":
        this.#sessions.delete(sessionId);
        break;
      case "model/offer":
        this.#lent.set(method, params);
        break;
      case "daemon/setApiKeys": {
        const before = fieldsOf(this.#lent.get(method)?.["apiKeys"]);
        this.#lent.set(method, { apiKeys: { ...before, ...fieldsOf(params["apiKeys"]) } });
      }
    }
  }

  dropPending(id: RequestId): void {
    this.#pending.delete(id);
  }

  /** The requests without an answer; they are removed, because the caller answers them. */
  takePending(): Pending {
    const taken: Pending = [...this.#pending];
    this.#pending.clear();
    return taken;
  }

  /**
   * The core has gone. Takes the requests that it leaves without an answer; an `initialize` that
   * no core has answered stays pending, because the next core receives it.
   */
  takeUnanswered(): { pending: Pending; initialize: Buffer | undefined } {
    this.#settledBefore = this.#settled;
    const pending = this.takePending();
    if (this.#isOpen || this.#isShutDown) return { pending, initialize: undefined };
    const at = pending.findIndex(([, { method }]) => method === "initialize");
    for (const [id, asked] of at < 0 ? [] : pending.splice(at, 1)) this.#pending.set(id, asked);
    return { pending, initialize: this.#initialize };
  }

  /** What another core receives first: `initialize`, and what the last core received after it. */
  opening(): Settled & { params: unknown } {
    const { params } = (this.#initialize && parseMessage(this.#initialize)) ?? {};
    return { params, ...this.#settledBefore };
  }

  /** The requests that give the client's models, keys and subscriptions to another core. */
  standingRequests(): { method: string; params: Fields }[] {
    const standing = [...this.#lent].map(([method, params]) => ({ method, params }));
    if (this.#tree !== undefined) {
      const params = { ...this.#tree.params, afterCompletion: this.#tree.completionSeq };
      standing.push({ method: "tree/subscribe", params });
    }
    for (const [sessionId, after] of this.#sessions) {
      standing.push({ method: "session/subscribe", params: { sessionId, after } });
    }
    return standing;
  }

  /**
   * The snapshot of a renewed subscription, as notifications that the client understands: the start
   * of each run that is new to it, a gap where it missed events of a run, and every session.
   */
  changesIn({ result }: Message): string[] {
    const wantsEvents = this.#tree?.params["events"] === "all";
    return sessionsIn(result).flatMap((session) => {
      const { id, parentId, runId, attempt, lastSeq } = fieldsOf(session) ?? {};
      const before = this.#runs.get(String(id));
      const seq = numberOf(lastSeq) ?? 0;
      const gap =
        wantsEvents && before !== undefined && seq > before.seq
          ? [notificationText("subAgent/gap", { sessionId: id, from: before.seq + 1, to: seq })]
          : [];
      // A run that waits in the queue again, or is paused, is still the same run.
      const isKnown = before !== undefined && before.runId === runId;
      if (isKnown) this.#runs.set(String(id), { ...before, seq: Math.max(before.seq, seq) });
      const isNew = !isKnown && this.#keepRun(session);
      const start = { parentSessionId: parentId, childSessionId: id, runId, attempt, session };
      return [
        ...gap,
        ...(isNew ? [notificationText("subAgent/started", start)] : []),
        notificationText("session/changed", { session }),
      ];
    });
  }

  /**
   * Notifications that the approvals of a dead core have expired, together with the runs that asked
   * for them. Call it when another core has been joined, which ends those runs.
   */
  takeExpiredApprovals(): string[] {
    const roots = this.#tree?.params["rootIds"];
    const isWanted = (rootId: string) => !Array.isArray(roots) || roots.includes(rootId);
    const gone = this.#tree ? [...this.#approvals].filter(([, rootId]) => isWanted(rootId)) : [];
    this.#approvals.clear();
    return gone.map(([approvalId]) =>
      notificationText("approval/resolved", { approvalId, decision: "expired", by: "core ended" }),
    );
  }
}

interface Settled {
  readonly initialized: boolean;
  readonly configuration: Buffer | undefined;
}

/** The requests whose success changes what a later core has to receive. */
const changingRequests = new Set([
  "initialize",
  "tree/subscribe",
  "tree/unsubscribe",
  "session/subscribe",
  "approval/list",
  "session/unsubscribe",
  "model/offer",
  "daemon/setApiKeys",
]);

/** The `initialize` with this environment; undefined if it names one, or has faults of its own. */
function withEnvironment(
  message: Message,
  environment: Readonly<Record<string, string>>,
): Buffer | undefined {
  const params = fieldsOf(message.params);
  if (params === undefined) return undefined;
  const options = fieldsOf(params["initializationOptions"]) ?? {};
  const own = fieldsOf(options["offshoot"] ?? {});
  // The core answers with what is wrong.
  if (own === undefined || own["environment"] !== undefined) return undefined;
  const initializationOptions = { ...options, offshoot: { ...own, environment } };
  return Buffer.from(JSON.stringify({ ...message, params: { ...params, initializationOptions } }));
}

/** The `initialize` with the workspace folders after this change. */
function withFolders(initialize: Buffer, event: unknown): Buffer {
  const message = parseMessage(initialize) ?? {};
  const params = fieldsOf(message.params) ?? {};
  const foldersIn = (value: unknown) => listOf(value).map((one) => fieldsOf(one) ?? {});
  const { added, removed } = fieldsOf(event) ?? {};
  const gone = new Set(foldersIn(removed).map(({ uri }) => uri));
  const kept = foldersIn(params["workspaceFolders"]).filter(({ uri }) => !gone.has(uri));
  const workspaceFolders = [...kept, ...foldersIn(added)];
  return Buffer.from(JSON.stringify({ ...message, params: { ...params, workspaceFolders } }));
}

function sessionsIn(result: unknown): unknown[] {
  return listOf(fieldsOf(result)?.["sessions"]);
}
