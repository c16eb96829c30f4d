/**
 * What comes for an agent while it works on a prompt. An outside agent gets messages as its next
 * prompt; Offshoot's own gets them at its next turn, and can pause there.
 */
import { isJson, objectIn, type Json } from "../formats/json.ts";
import type { RunContext } from "../runner.ts";
import type { AcpConnection } from "./connection.ts";
import { toAgent } from "./names.ts";

export interface Messages {
  /** A prompt of the session is under way from here on. */
  promptSent(): void;
  /** The agent has said something: an outside one has read its prompt. */
  heard(): void;
  /** The prompt was answered; `meta` is what Offshoot's own agent says of that besides. */
  promptEnded(meta: Json): Promise<void>;
  /** The next prompt of the run; where there is none, nothing more is taken. */
  next(): string | undefined;
  /** What was not read by now is left to the next run. */
  close(): void;
}

interface Message {
  text: string;
  read: () => void;
  /** `given`: it is part of the prompt that is under way. */
  state: "waiting" | "given";
}

export function createMessages(parts: {
  connection: AcpConnection;
  context: RunContext;
  sessionId: string;
}): Messages {
  const { connection, context, sessionId } = parts;
  const isOwn = context.profile.runner.kind === "model";
  let messages: Message[] = [];
  const injecting = new Set<Promise<void>>();
  let isPrompting = false;
  let isClosed = false;
  let shallPause = false;

  /** Asks Offshoot's own agent for something beside the prompt; answers its `_meta.offshoot`. */
  async function askBeside(text: string, meta: { inject: true } | { pause: true }): Promise<Json> {
    const prompt = [{ type: "text", text }];
    const params = { sessionId, prompt, _meta: { offshoot: meta } };
    return metaOf(await connection.request(toAgent.prompt, params).catch(() => ({})));
  }

  function inject(message: Message): void {
    message.state = "given";
    const asked: Promise<void> = askBeside(message.text, { inject: true }).then((meta) => {
      // The prompt was just over.
      if (meta["injected"] !== true) message.state = "waiting";
      injecting.delete(asked);
    });
    injecting.add(asked);
  }

  /** The agent has read what it was given, but for the last ones. */
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
    promptSent() {
      isPrompting = true;
      if (shallPause) pause();
    },
    heard() {
      if (!isOwn && isPrompting) readGiven(0);
    },
    async promptEnded(meta) {
      isPrompting = false;
      await Promise.all(injecting);
      const unread = meta["unread"];
      readGiven(Array.isArray(unread) ? unread.length : 0);
    },
    next() {
      const waiting = messages.filter(({ state }) => state === "waiting");
      if (waiting.length === 0) {
        isClosed = true;
        return undefined;
      }
      for (const message of waiting) message.state = "given";
      return waiting.map(({ text }) => text).join("\n\n");
    },
    close: () => void (isClosed = true),
  };
}

/** What Offshoot's own agent says in an answer besides what the protocol knows. */
export function metaOf(answer: unknown): Json {
  return isJson(answer) ? objectIn(objectIn(answer, "_meta"), "offshoot") : {};
}
