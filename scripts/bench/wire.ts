/**
 * The client of the bench: it exchanges frames with a program over stdio and does as little as
 * possible. Its cost is part of every figure and of every floor.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { frame, FrameSplitter } from "../../daemon/wire/framing.ts";
import type {
  NotificationMethod,
  NotificationParams,
  ParamsOf,
  RequestMethod,
  ResultOf,
} from "../../protocol/messages.ts";

export interface WireClient {
  readonly process: ChildProcess;
  /** Sends one request; rejects when the answer is an error. */
  ask(method: string, params: unknown): Promise<unknown>;
  /** As `ask`, with the types of the protocol. */
  call<M extends RequestMethod>(method: M, params: ParamsOf<M>): Promise<ResultOf<M>>;
  /** Sends many in one write; resolves with how many were answered without an error. */
  pipeline(requests: { method: string; params: unknown }[]): Promise<number>;
  /** Gets the body of every notification. A view: valid during the call only. */
  onNotification: (body: Buffer) => void;
  /** `initialize` and `initialized`. */
  open(): Promise<void>;
  /** `shutdown`, `exit`; resolves when the process has ended. */
  close(): Promise<void>;
  /** Kills the process, as when an editor crashes. */
  kill(): Promise<void>;
}

interface Answer {
  id: number;
  result?: unknown;
  error?: { code: number; message: string };
}

/** `{"jsonrpc":"2.0","` is 18 bytes; then comes "id" or "method". */
const placeOfKind = 18;
const kindOfAnswer = "i".charCodeAt(0);

export function startClient(
  program: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): WireClient {
  const child = spawn(program, args, { env: environment, stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const waiting = new Map<number, (answer: Answer) => void>();
  let lastId = 0;

  const splitter = new FrameSplitter((body) => {
    if (body[placeOfKind] !== kindOfAnswer) return client.onNotification(body);
    const answer = JSON.parse(body.toString()) as Answer;
    const take = waiting.get(answer.id);
    waiting.delete(answer.id);
    take?.(answer);
  });
  child.stdout.on("data", (chunk: Buffer) => splitter.push(chunk));
  child.stdin.on("error", () => undefined);

  function prepare(method: string, params: unknown): { bytes: Buffer; answer: Promise<Answer> } {
    const id = (lastId += 1);
    const answer = new Promise<Answer>((resolve) => waiting.set(id, resolve));
    return { bytes: frame(JSON.stringify({ jsonrpc: "2.0", id, method, params })), answer };
  }

  const client: WireClient = {
    process: child,
    onNotification: () => undefined,
    async ask(method, params) {
      const { bytes, answer } = prepare(method, params);
      child.stdin.write(bytes);
      const { result, error } = await answer;
      if (error !== undefined) throw new Error(`${method}: ${error.code} ${error.message}`);
      return result;
    },
    call: (method, params) => client.ask(method, params) as Promise<never>,
    async pipeline(requests) {
      const prepared = requests.map(({ method, params }) => prepare(method, params));
      child.stdin.write(Buffer.concat(prepared.map(({ bytes }) => bytes)));
      const answers = await Promise.all(prepared.map(({ answer }) => answer));
      return answers.filter(({ error }) => error === undefined).length;
    },
    async open() {
      await client.ask("initialize", { processId: process.pid, capabilities: {} });
      child.stdin.write(frame('{"jsonrpc":"2.0","method":"initialized","params":{}}'));
    },
    async close() {
      await client.ask("shutdown", undefined);
      child.stdin.write(frame('{"jsonrpc":"2.0","method":"exit"}'));
      await exited;
    },
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
  };
  return client;
}

/** The params of a notification, if it has this method. */
export function paramsIfIs<M extends NotificationMethod>(
  method: M,
  body: Buffer,
): NotificationParams<M> | undefined {
  const start = `{"jsonrpc":"2.0","method":"${method}"`;
  if (body.toString("latin1", 0, start.length) !== start) return undefined;
  return (JSON.parse(body.toString()) as { params: NotificationParams<M> }).params;
}
