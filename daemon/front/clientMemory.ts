/**
 * What a front keeps of its client, so that the client can go on with another core when its own
 * has died: how it opened the connection, what it is subscribed to, how far it has come, which runs
 * and approvals it knows of, and which requests have no answer yet. Frames pass through here by the
 * ten thousand: only those that change this picture are parsed.
 */
import { stoppingMethod } from "../wire/handshake.ts";

export type RequestId = number | string;

/** A JSON-RPC message before anything in it was checked. */
export interface Message {
  id?: unknown;
  method?: unknown;
  params?: unknown;
  result?: unknown;
  error?: unknown;
}

export interface ClientMemory {
  /** The body of its `initialize`, and whether a core has answered it. */
  initialize: Buffer | undefined;
  opened: boolean;
  initialized: boolean;
  /** The body of its last `workspace/didChangeConfiguration`. */
  configuration: Buffer | undefined;
  /** Its `tree/subscribe`, and the highest completion that it was given. */
  tree: { params: Fields; completionSeq: number } | undefined;
  /** The highest completion that was sent again since it asked for the tree. */
  replayedTo: number;
  /** The runs that it was told of and that have not ended, each with the last stored event it was given. */
  readonly runs: Map<string, { runId: string; seq: number }>;
  /** The sessions that it subscribed to singly, each with the last stored event it was given. */
  readonly sessions: Map<string, number>;
  /** What the client lent to the core: its models and its keys, as the params to lend them again. */
  readonly lent: Map<string, Fields>;
  /** Approvals that it was told of and that have no answer, with the root of their tree. */
  readonly approvals: Map<string, string>;
  /** Requests without an answer; `params` of those that a later core has to be told of again. */
  readonly pending: Map<RequestId, { method: string; params?: Fields }>;
}

type Fields = Record<string, unknown>;

export function newClientMemory(): ClientMemory {
  return {
    initialize: undefined,
    opened: false,
    initialized: false,
    configuration: undefined,
    tree: undefined,
    replayedTo: 0,
    runs: new Map(),
    sessions: new Map(),
    approvals: new Map(),
    lent: new Map(),
    pending: new Map(),
  };
}

/** Takes notice of a frame of the client; answers with its message, where it is one. */
export function hearClient(memory: ClientMemory, body: Buffer): Message | undefined {
  const message = parseMessage(body);
  const { id, method } = message ?? {};
  if (typeof method !== "string") return message;
  if (isRequestId(id)) {
    const params = changingRequests.has(method) ? fieldsOf(message?.params) : undefined;
    memory.pending.set(id, params === undefined ? { method } : { method, params });
    // Bodies are views into what came from the client: what is kept has to be a copy.
    if (method === "initialize") memory.initialize ??= Buffer.from(body);
    if (method === "tree/subscribe") memory.replayedTo = 0;
  } else if (method === "initialized") {
    memory.initialized = true;
  } else if (method === "workspace/didChangeWorkspaceFolders") {
    memory.initialize &&= withFolders(memory.initialize, fieldsOf(message?.params)?.["event"]);
  } else if (method === "workspace/didChangeConfiguration") {
    memory.configuration = Buffer.from(body);
  }
  return message;
}

/** The client's `initialize` with the environment that it has, unless it names one itself. */
export function withEnvironment(
  memory: ClientMemory,
  environment: Readonly<Record<string, string>>,
): Buffer | undefined {
  const message = memory.initialize && parseMessage(memory.initialize);
  const params = fieldsOf(message?.params);
  if (message === undefined || params === undefined) return undefined;
  const options = fieldsOf(params["initializationOptions"]) ?? {};
  const own = fieldsOf(options["offshoot"] ?? {});
  // What is wrong with it, the core says better.
  if (own === undefined || own["environment"] !== undefined) return undefined;
  const initializationOptions = { ...options, offshoot: { ...own, environment } };
  const whole = { ...message, params: { ...params, initializationOptions } };
  memory.initialize = Buffer.from(JSON.stringify(whole));
  return memory.initialize;
}

/** How the client would say `initialize` now. */
function withFolders(initialize: Buffer, event: unknown): Buffer {
  const message = parseMessage(initialize) ?? {};
  const params = fieldsOf(message.params) ?? {};
  const listIn = (value: unknown) =>
    Array.isArray(value) ? value.map((one: unknown) => fieldsOf(one) ?? {}) : [];
  const { added, removed } = fieldsOf(event) ?? {};
  const gone = new Set(listIn(removed).map(({ uri }) => uri));
  const kept = listIn(params["workspaceFolders"]).filter(({ uri }) => !gone.has(uri));
  const workspaceFolders = [...kept, ...listIn(added)];
  return Buffer.from(JSON.stringify({ ...message, params: { ...params, workspaceFolders } }));
}

/** What a frame of the core means to the front itself; undefined where it only passes it on. */
export type Heard = { kind: "answer"; id: RequestId } | { kind: "stopping" } | undefined;

/** Takes notice of a frame of the core. The id of an answer is told, also when nobody asked. */
export function hearCore(memory: ClientMemory, body: Buffer): Heard {
  const head = body.toString("latin1", 0, 64);
  if (head.startsWith(notificationStart)) {
    if (head.startsWith("subAgent/event", methodAt)) hearEvent(memory, body);
    else if (head.startsWith("subAgent/started", methodAt)) hearStart(memory, body);
    else if (head.startsWith("subAgent/completed", methodAt)) hearCompletion(memory, body);
    else if (head.startsWith("approval/re", methodAt)) hearApproval(memory, body);
    else if (head.startsWith(stoppingMethod, methodAt)) return { kind: "stopping" };
    return undefined;
  }
  const id = answerId(body);
  if (id === undefined) return undefined;
  hearAnswer(memory, id, body);
  return { kind: "answer", id };
}

/** The core writes its notifications so, and the fields of an event in the order below. */
const notificationStart = '{"jsonrpc":"2.0","method":"';
const methodAt = notificationStart.length;
const eventStart =
  /^subAgent\/event","params":\{"parentSessionId":"[^"\\]*","childSessionId":"([^"\\]*)","runId":"[^"\\]*","seq":(\d+),("stored":false,)?"event":/;
const answerStart = /^\{"jsonrpc":"2\.0","id":(-?\d{1,15}|"[ !#-[\]-~]*"),"(?:result|error)"/;

function hearStart({ runs }: ClientMemory, body: Buffer): void {
  const { session } = fieldsOf(parseMessage(body)?.params) ?? {};
  keepRun(runs, session);
}

/** Whether it is one, and has begun. */
function keepRun(runs: ClientMemory["runs"], session: unknown): boolean {
  const { id, runId, status, lastSeq } = fieldsOf(session) ?? {};
  if (typeof id !== "string" || typeof runId !== "string") return false;
  if (status !== "running" && status !== "suspended") return false;
  runs.set(id, { runId, seq: numberOf(lastSeq) ?? 0 });
  return true;
}

function hearEvent(memory: ClientMemory, body: Buffer): void {
  const found = eventStart.exec(body.toString("latin1", methodAt, methodAt + 400));
  const params = found ? undefined : fieldsOf(parseMessage(body)?.params);
  const sessionId = found ? found[1] : params?.["childSessionId"];
  const seq = found ? Number(found[2]) : params?.["seq"];
  const isStored = found ? found[3] === undefined : params?.["stored"] !== false;
  // What was never stored is lost when its core dies, and its number is given again.
  if (typeof sessionId !== "string" || typeof seq !== "number" || !isStored) return;
  const run = memory.runs.get(sessionId);
  if (run !== undefined) run.seq = Math.max(run.seq, seq);
  const before = memory.sessions.get(sessionId);
  if (before !== undefined && seq > before) memory.sessions.set(sessionId, seq);
}

function hearCompletion(memory: ClientMemory, body: Buffer): void {
  const params = fieldsOf(parseMessage(body)?.params) ?? {};
  const { childSessionId, runId, completionSeq, replayed, stored } = params;
  // The one that has ended may be heard of after the next one has begun.
  const sessionId = String(childSessionId);
  if (memory.runs.get(sessionId)?.runId === runId) memory.runs.delete(sessionId);
  // What was never stored is lost when its core dies, and its number is given again.
  if (typeof completionSeq !== "number" || stored === false) return;
  if (replayed === true) memory.replayedTo = Math.max(memory.replayedTo, completionSeq);
  const tree = memory.tree;
  if (tree) tree.completionSeq = Math.max(tree.completionSeq, completionSeq);
}

function hearApproval(memory: ClientMemory, body: Buffer): void {
  const { approval, approvalId } = fieldsOf(parseMessage(body)?.params) ?? {};
  if (typeof approvalId === "string") memory.approvals.delete(approvalId);
  else keepApproval(memory, approval);
}

function keepApproval({ approvals }: ClientMemory, approval: unknown): void {
  const { id, path } = fieldsOf(approval) ?? {};
  const [root]: unknown[] = Array.isArray(path) ? path : [];
  if (typeof id === "string") approvals.set(id, String(fieldsOf(root)?.["id"]));
}

function answerId(body: Buffer): RequestId | undefined {
  const found = answerStart.exec(body.toString("latin1", 0, 300))?.[1];
  if (found !== undefined) return found.startsWith('"') ? found.slice(1, -1) : Number(found);
  const message = parseMessage(body);
  return message?.method === undefined && isRequestId(message?.id) ? message.id : undefined;
}

function hearAnswer(memory: ClientMemory, id: RequestId, body: Buffer): void {
  const asked = memory.pending.get(id);
  memory.pending.delete(id);
  if (asked === undefined || !changingRequests.has(asked.method)) return;
  const { result, error } = parseMessage(body) ?? {};
  const succeeded = error === undefined;
  const { params = {} } = asked;
  const sessionId = String(params["sessionId"]);
  if (asked.method === "initialize") {
    if (succeeded) memory.opened = true;
    else if (!memory.opened) memory.initialize = undefined;
  } else if (!succeeded) {
    return;
  } else if (asked.method === "tree/subscribe") {
    const { completionSeq } = fieldsOf(result) ?? {};
    const after = numberOf(params["afterCompletion"]) ?? numberOf(completionSeq) ?? 0;
    memory.tree = { params, completionSeq: Math.max(after, memory.replayedTo) };
    memory.runs.clear();
    for (const session of sessionsIn(result)) keepRun(memory.runs, session);
  } else if (asked.method === "tree/unsubscribe") {
    memory.tree = undefined;
    memory.approvals.clear();
  } else if (asked.method === "approval/list") {
    const { approvals } = fieldsOf(result) ?? {};
    for (const one of Array.isArray(approvals) ? approvals : []) keepApproval(memory, one);
  } else if (asked.method === "session/subscribe") {
    memory.sessions.set(sessionId, numberOf(params["after"]) ?? 0);
  } else if (asked.method === "session/unsubscribe") {
    memory.sessions.delete(sessionId);
  } else if (asked.method === "model/offer") {
    memory.lent.set(asked.method, params);
  } else if (asked.method === "daemon/setApiKeys") {
    const before = fieldsOf(memory.lent.get(asked.method)?.["apiKeys"]);
    const apiKeys = { ...before, ...fieldsOf(params["apiKeys"]) };
    memory.lent.set(asked.method, { apiKeys });
  }
}

/** The requests whose success changes what a later core has to be told. */
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

/** What the client lent, and its subscriptions, as requests that go on where it has come to. */
export function standingRequests(memory: ClientMemory): { method: string; params: Fields }[] {
  const { tree, sessions, lent } = memory;
  const standing = [...lent].map(([method, params]) => ({ method, params }));
  if (tree !== undefined) {
    const params = { ...tree.params, afterCompletion: tree.completionSeq };
    standing.push({ method: "tree/subscribe", params });
  }
  for (const [sessionId, after] of sessions) {
    standing.push({ method: "session/subscribe", params: { sessionId, after } });
  }
  return standing;
}

/**
 * The snapshot of a renewed subscription, as the notifications that a client knows: of runs that
 * have begun meanwhile it hears that first, and of those that it knows which events it has missed.
 */
export function changesIn({ runs, tree }: ClientMemory, { result }: Message): string[] {
  const wantsEvents = tree?.params["events"] === "all";
  const say = (method: string, params: object) =>
    JSON.stringify({ jsonrpc: "2.0", method, params });
  return sessionsIn(result).flatMap((session) => {
    const { id, parentId, runId, attempt, lastSeq } = fieldsOf(session) ?? {};
    const before = runs.get(String(id));
    const seq = numberOf(lastSeq) ?? 0;
    const hasMissed = wantsEvents && before !== undefined && seq > before.seq;
    // One that waits in the queue again, or is paused, goes on as the run that it was.
    const isKnown = before !== undefined && before.runId === runId;
    const isNew = !isKnown && keepRun(runs, session);
    if (isKnown) runs.set(String(id), { ...before, seq: Math.max(before.seq, seq) });
    const named = { parentSessionId: parentId, childSessionId: id, runId, attempt };
    return [
      ...(hasMissed ? [say("subAgent/gap", { sessionId: id, from: before.seq + 1, to: seq })] : []),
      ...(isNew ? [say("subAgent/started", { ...named, session })] : []),
      say("session/changed", { session }),
    ];
  });
}

function sessionsIn(result: unknown): unknown[] {
  const sessions = fieldsOf(result)?.["sessions"];
  return Array.isArray(sessions) ? sessions : [];
}

/**
 * Approvals of a core that has died, as the notifications that say so: they have expired with the
 * runs that asked. Call it when another core has seen to that.
 */
export function expiredApprovals({ tree, approvals }: ClientMemory): string[] {
  const roots = tree?.params["rootIds"];
  const isWanted = (rootId: string) => !Array.isArray(roots) || roots.includes(rootId);
  const gone = tree === undefined ? [] : [...approvals].filter(([, rootId]) => isWanted(rootId));
  approvals.clear();
  const method = "approval/resolved";
  return gone.map(([approvalId]) => {
    const params = { approvalId, decision: "expired", by: "core ended" };
    return JSON.stringify({ jsonrpc: "2.0", method, params });
  });
}

export type Pending = [id: RequestId, asked: { method: string }][];

/** The requests without an answer; from now on they are nobody's. */
export function takePending({ pending }: ClientMemory): Pending {
  const taken: Pending = [...pending];
  pending.clear();
  return taken;
}

/** The message of a body, or undefined where it is no JSON object. */
export function parseMessage(body: Buffer): Message | undefined {
  try {
    return fieldsOf(JSON.parse(body.toString("utf8")));
  } catch {
    return undefined;
  }
}

export function isRequestId(id: unknown): id is RequestId {
  return typeof id === "number" || typeof id === "string";
}

export function fieldsOf(value: unknown): Fields | undefined {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as Fields) : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
