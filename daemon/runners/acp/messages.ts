/**
 * Delivers messages to an agent that works on a prompt. An outside agent gets them as its next
 * prompt; Offshoot's own agent gets them at its next turn, and can pause there.
 */
import { isJson, objectIn, type Json } from "../formats/json.ts";
import type { RunContext } from "../runner.ts";
import type { AcpConnection } from "./connection.ts";
import { toAgent } from "./names.ts";

export type Messages = ReturnType<typeof createMessages>;

interface Message {
  text: string;
  read: () => void;
  /** Whether the message is part of the current prompt. */
  state: "waiting" | "given";
}

export function createMessages(parts: {
  connection: AcpConnection;
  context: RunContext;
  sessionId: string;
}) {
  const { connection, context, sessionId } = parts;
  const isOwn = context.profile.runner.kind === "model";
  let messages: Message[] = [];
  const injecting = new Set<Promise<void>>();
  let isPrompting = false;
  let isClosed = false;
  let shallPause = false;

  /** Sends Offshoot's own agent a request beside the prompt and returns its `_meta.offshoot`. */
  async function askBeside(text: string, meta: { inject: true } | { pause: true }): Promise<Json> {
    const prompt = [{ type: "text", text }];
    const params = { sessionId, prompt, _meta: { offshoot: meta } };
    return metaOf(await connection.request(toAgent.prompt, params).catch(() => ({})));
  }

  function inject(message: Message): void {
    message.state = "given";
    const asked: Promise<void> = askBeside(message.text, { inject: true }).then((meta) => {
      // The prompt had just ended.
      if (meta["injected"] !== true) message.state = "waiting";
      injecting.delete(asked);
    });
    injecting.add(asked);
  }

  /** Reports that the agent read all messages it was given, except the last `unread`. */
  function readGiven(unread: number): void {
    const given = messages.filter(({ state }) => state === "given");
    const read = given.slice(0, Math.max(0, given.length - unread));
    for (const message of given) message.state = "waiting";
    messages = messages.filter((message) => !read.includes(message));
    for (const message of read) message.read();
  }

  context.onMessage((text, read) => {
    if (isClosed) return "queued";
    const message: Message = { text, read, state: "waiting" };
    messages.push(message);
    const isNext = messages.every((one) => one === message || one.state === "given");
    if (isOwn && isPrompting && isNext) inject(message);
    return "injected";
  });

  const pause = () => {
    shallPause = true;
    if (isPrompting) void askBeside("", { pause: true });
  };
  if (isOwn) context.onPause(pause);

  return {
    /** Called when a prompt of the session was sent. */
    promptSent(): void {
      isPrompting = true;
      if (shallPause) pause();
    },
    /** Called when the agent says something: an outside agent has read its prompt by then. */
    agentSpoke(): void {
      if (!isOwn && isPrompting) readGiven(0);
    },
    /** Called when the prompt was answered; `meta` is the answer's `_meta.offshoot`. */
    async promptEnded(meta: Json): Promise<void> {
      isPrompting = false;
      await Promise.all(injecting);
      const unread = meta["unread"];
      readGiven(Array.isArray(unread) ? unread.length : 0);
    },
    /** Returns the next prompt of the run. Without one, no more messages are taken. */
    next(): string | undefined {
      const waiting = messages.filter(({ state }) => state === "waiting");
      if (waiting.length === 0) {
        isClosed = true;
        return undefined;
      }
      for (const message of waiting) message.state = "given";
      return waiting.map(({ text }) => text).join("\n\n");
    },
    /** Leaves messages that were not read to the next run. */
    close: () => void (isClosed = true),
  };
}

/** The `_meta.offshoot` of an answer of Offshoot's own agent. */
export function metaOf(answer: unknown): Json {
  return isJson(answer) ? objectIn(objectIn(answer, "_meta"), "offshoot") : {};
}
