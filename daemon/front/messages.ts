/** How a front reads a JSON-RPC message: nothing in the message was checked before. */
export type RequestId = number | string;

export type Fields = Record<string, unknown>;

export interface Message {
  id?: unknown;
  method?: unknown;
  params?: unknown;
  result?: unknown;
  error?: unknown;
}

/** The message of a body, or undefined when the body is no JSON object. */
export function parseMessage(body: Buffer): Message | undefined {
  try {
    return fieldsOf(JSON.parse(body.toString("utf8")));
  } catch {
    return undefined;
  }
}

export function requestText(id: RequestId, method: string, params: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method, params });
}

export function notificationText(method: string, params: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", method, params });
}

export function isRequestId(id: unknown): id is RequestId {
  return typeof id === "number" || typeof id === "string";
}

export function fieldsOf(value: unknown): Fields | undefined {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as Fields) : undefined;
}

/** Empty where the value is no list. */
export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** The core writes its notifications so, and the fields of an event in the order below. */
const notificationStart = '{"jsonrpc":"2.0","method":"';
const methodAt = notificationStart.length;
const eventStart =
  /^subAgent\/event","params":\{"parentSessionId":"[^"\\]*","childSessionId":"([^"\\]*)","runId":"[^"\\]*","seq":(\d+),("stored":false,)?"event":/;
const answerStart = /^\{"jsonrpc":"2\.0","id":(-?\d{1,15}|"[ !#-[\]-~]*"),"(?:result|error)"/;

/** The beginning of a notification's method, read without parsing; undefined for an answer. */
export function methodStart(body: Buffer): string | undefined {
  const head = body.toString("latin1", 0, methodAt + 40);
  return head.startsWith(notificationStart) ? head.slice(methodAt) : undefined;
}

/** Which event a `subAgent/event` is about; parses the body only if its form is unusual. */
export function eventHead(body: Buffer): {
  sessionId: unknown;
  seq: unknown;
  isStored: boolean;
} {
  const found = eventStart.exec(body.toString("latin1", methodAt, methodAt + 400));
  if (found)
    return { sessionId: found[1], seq: Number(found[2]), isStored: found[3] === undefined };
  const { childSessionId, seq, stored } = fieldsOf(parseMessage(body)?.params) ?? {};
  return { sessionId: childSessionId, seq, isStored: stored !== false };
}

/** The id of an answer; parses the body only if its form is unusual. */
export function answerId(body: Buffer): RequestId | undefined {
  const found = answerStart.exec(body.toString("latin1", 0, 300))?.[1];
  if (found !== undefined) return found.startsWith('"') ? found.slice(1, -1) : Number(found);
  const message = parseMessage(body);
  return message?.method === undefined && isRequestId(message?.id) ? message.id : undefined;
}
