/**
 * An editor that follows the rules of the protocol under faults: it starts a front again whenever
 * its own has ended, subscribes from the last completion that it has, and keeps everything that it
 * was told. What no client may ever be told lands in `faults`.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { frame, FrameSplitter } from "../../daemon/wire/framing.ts";
import type { StoredEvent } from "../../protocol/events.ts";
import type {
  Completion,
  NotificationMethod,
  NotificationParams,
  ParamsOf,
  RequestMethod,
  ResultOf,
} from "../../protocol/messages.ts";
import type { Received } from "./daemon.ts";
import { repository } from "./repository.ts";

export type Reply<Result> =
  { result: Result } | { error: { code: number; message: string; data?: unknown } };

export interface Editor {
  /** By number; without the word that says that it was sent again. */
  readonly completions: Map<number, Completion>;
  /** What was told of the events of each session. */
  readonly events: Map<string, Omit<StoredEvent, "at">[]>;
  /** Sentences about what contradicts the protocol. */
  readonly faults: string[];
  /** The number of the newest completion when it subscribed last: all up to it are sent again. */
  readonly watermark: number;
  /** How often a front had to be started. */
  readonly connections: number;
  /** Called with every notification. */
  onNews: (news: Received) => void;
  /** One attempt: an error when the core refuses, or when the core or the front ends meanwhile. */
  ask<M extends RequestMethod>(method: M, params: ParamsOf<M>): Promise<Reply<ResultOf<M>>>;
  /** Asks until the answer is no fault of a connection, and answers with the result. */
  insist<M extends RequestMethod>(method: M, params: ParamsOf<M>): Promise<ResultOf<M>>;
  /** kill -9 of its front. */
  loseFront(): void;
  close(): Promise<void>;
}

interface Connection {
  readonly front: ChildProcess;
  /** Highest numbers on this connection: each must be above the one before. */
  completionSeq: number;
  readonly seqs: Map<string, number>;
  readonly endedRuns: Set<string>;
  readonly startedRuns: Set<string>;
}

interface Message {
  id?: number;
  method?: NotificationMethod;
  params?: unknown;
  result?: unknown;
  error?: { code: number; message: string; data?: unknown };
}

/** Answers with these codes say nothing about the request: it may be asked again. */
const connectionFaults = new Set([-32603, 1006, 1012]);
const lost = { error: { code: -32603, message: "the front has ended" } };

export async function openEditor(environment: NodeJS.ProcessEnv): Promise<Editor> {
  const pending = new Map<number, (reply: Reply<never>) => void>();
  let lastId = 0;
  let connections = 0;
  let watermark = 0;
  let closing = false;
  let connection: Connection | undefined;
  let isOpen = false;
  let opened = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();

  function start(): void {
    connections += 1;
    const main = join(repository, "daemon", "main.ts");
    const front = spawn(process.execPath, [main, "--stdio"], {
      env: environment,
      stdio: ["pipe", "pipe", "ignore"],
    });
    const own: Connection = {
      front,
      completionSeq: 0,
      seqs: new Map(),
      endedRuns: new Set(),
      startedRuns: new Set(),
    };
    connection = own;
    const splitter = new FrameSplitter((body) => {
      hear(own, JSON.parse(body.toString()) as Message);
    });
    front.stdout.on("data", (chunk: Buffer) => splitter.push(chunk));
    front.stdin.on("error", () => undefined);
    front.once("close", () => {
      for (const answer of [...pending.values()]) answer(lost);
      if (closing) return gone.resolve();
      // Who waits for a connection that never came to be waits for the next one.
      if (isOpen) opened = Promise.withResolvers();
      isOpen = false;
      start();
    });
    void greet(own);
  }

  async function greet(own: Connection): Promise<void> {
    // One that is told as not stored may be lost with the core, and its number given to another.
    const stored = [...editor.completions.values()].filter((completion) => completion.stored);
    const after = Math.max(0, ...stored.map(({ completionSeq }) => completionSeq));
    const steps: [method: string, params: object][] = [
      ["initialize", { processId: process.pid, capabilities: {} }],
      ["tree/subscribe", { events: "all", afterCompletion: after }],
    ];
    for (const [method, params] of steps) {
      let reply: Reply<{ completionSeq?: number }> = lost;
      while (connection === own && "error" in reply) reply = await send(method, params);
      if (connection !== own) return;
      if ("result" in reply) watermark = reply.result.completionSeq ?? 0;
    }
    isOpen = true;
    opened.resolve();
  }

  function send(method: string, params: unknown): Promise<Reply<never>> {
    const id = (lastId += 1);
    return new Promise((resolve) => {
      pending.set(id, (reply) => {
        pending.delete(id);
        resolve(reply);
      });
      connection?.front.stdin?.write(frame(JSON.stringify({ jsonrpc: "2.0", id, method, params })));
    });
  }

  function hear(own: Connection, message: Message): void {
    const { id, method, params, result, error } = message;
    if (method === undefined) {
      pending.get(id ?? 0)?.(error === undefined ? { result: result as never } : { error });
      return;
    }
    if (method === "subAgent/started")
      hearStarted(own, params as NotificationParams<typeof method>);
    if (method === "subAgent/event") hearEvent(own, params as NotificationParams<typeof method>);
    if (method === "subAgent/completed") hearEnd(own, params as NotificationParams<typeof method>);
    editor.onNews({ method, params } as Received);
  }

  function hearStarted(own: Connection, { runId }: NotificationParams<"subAgent/started">): void {
    if (own.startedRuns.has(runId)) editor.faults.push(`run ${runId} was started twice`);
    own.startedRuns.add(runId);
  }

  function hearEvent(own: Connection, told: NotificationParams<"subAgent/event">): void {
    const { childSessionId, runId, seq, event } = told;
    const before = own.seqs.get(childSessionId) ?? 0;
    if (seq <= before) editor.faults.push(`${childSessionId}: event ${seq} came after ${before}`);
    if (own.endedRuns.has(runId)) editor.faults.push(`run ${runId}: event ${seq} after its end`);
    if (told.stored !== false) own.seqs.set(childSessionId, seq);
    const known = editor.events.get(childSessionId) ?? [];
    editor.events.set(childSessionId, known);
    known.push({ seq, runId, event });
  }

  function hearEnd(own: Connection, told: Completion): void {
    const { replayed: _replayed, ...completion } = told;
    const { completionSeq: seq, runId } = completion;
    if (seq <= own.completionSeq) {
      editor.faults.push(`completion ${seq} came after ${own.completionSeq}`);
    }
    if (completion.stored) own.completionSeq = seq;
    own.endedRuns.add(runId);
    const known = editor.completions.get(seq);
    if (known?.stored !== true) editor.completions.set(seq, completion);
    else if (!isDeepStrictEqual(known, completion)) {
      const both = `${JSON.stringify(known)} and ${JSON.stringify(completion)}`;
      editor.faults.push(`completion ${seq} was told as ${both}`);
    }
  }

  const editor: Editor = {
    completions: new Map(),
    events: new Map(),
    faults: [],
    get watermark() {
      return watermark;
    },
    get connections() {
      return connections;
    },
    onNews: () => undefined,
    async ask(method, params) {
      await opened.promise;
      return await send(method, params);
    },
    async insist(method, params) {
      for (;;) {
        const reply = await editor.ask(method, params);
        if ("result" in reply) return reply.result;
        const { code, message } = reply.error;
        if (!connectionFaults.has(code)) throw new Error(`${method}: ${code} ${message}`);
      }
    },
    loseFront() {
      connection?.front.kill("SIGKILL");
    },
    async close() {
      closing = true;
      connection?.front.stdin?.end();
      await gone.promise;
    },
  };
  start();
  await opened.promise;
  return editor;
}
