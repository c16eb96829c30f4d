/**
 * The output of a command: lines for people, or with `--json` one JSON value per line and nothing
 * else. With `--json`, errors go to stdout too, so that a script reads one stream.
 */
import { styleText } from "node:util";
import { exitCodes, type CommandFailure } from "../client/failures.ts";

export type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

/** A terminal, a pipe or a file; only a terminal has columns and rows. */
export interface Screen extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export type Output = Readonly<ReturnType<typeof openOutput>>;

interface OutputOptions {
  readonly stdout: Screen;
  readonly stderr: Screen;
  readonly environment: NodeJS.ProcessEnv;
  readonly json: boolean;
}

export function openOutput({ stdout, stderr, environment, json }: OutputOptions) {
  const closing = new AbortController();
  const onStdoutError = () => closing.abort();
  const onStderrError = () => {};
  stdout.on("error", onStdoutError);
  stderr.on("error", onStderrError);
  const write = (stream: Screen, text: string) => {
    if (!closing.signal.aborted) stream.write(text);
  };
  const dim = painter(stderr);
  return {
    json,
    stdout,
    /** Stdout is a terminal on which lines can be drawn again in place. */
    canDraw: stdout.isTTY === true && !json && environment["TERM"] !== "dumb",
    paint: painter(stdout),
    /** Aborted when the reader of stdout has closed it, as `head` does. */
    closed: closing.signal,
    /** Text on stdout as it is, for people. */
    text: (text: string) => json || write(stdout, text),
    /** A line on stdout for people. */
    line: (text: string) => json || write(stdout, `${text}\n`),
    /** Text on stderr as it is: an agent's output that is not part of its result. */
    aside: (text: string) => json || write(stderr, dim("dim", text)),
    /** A line on stderr about what happens or what to do next; not part of the result. */
    note: (text: string) => json || write(stderr, `${dim("dim", text)}\n`),
    /** A value on stdout for scripts. */
    value: (value: unknown) => !json || write(stdout, `${JSON.stringify(value)}\n`),
    /** The error that ends the command. */
    failure: ({ code, exitCode, kind, message }: CommandFailure) => {
      const error = { code: code ?? exitCode, kind, message };
      if (json) write(stdout, `${JSON.stringify({ error })}\n`);
      else write(stderr, `${dim("red", "offshoot:")} ${message}\n`);
    },
    /** Removes the listeners from the streams. */
    release() {
      stdout.off("error", onStdoutError);
      stderr.off("error", onStderrError);
    },
  };
}

/** Colours, if the stream is a terminal that wants them (NO_COLOR, FORCE_COLOR, TERM). */
export function painter(stream: Screen): Paint {
  return (style, text) => styleText(style, text, { stream });
}

/** The columns that a line may have; Infinity if stdout is no terminal. */
export function widthOf({ stdout }: Output): number {
  return stdout.isTTY === true ? (stdout.columns ?? 80) : Infinity;
}

/**
 * Awaits `work` until the first Ctrl-C; then calls `detach` and no longer waits. The exit code is
 * that of the work, or 130 after Ctrl-C.
 */
export async function untilInterrupted(work: Promise<number>, detach: () => void): Promise<number> {
  const ended = new AbortController();
  try {
    const outcome = await Promise.race([work, interrupt(ended.signal)]);
    if (typeof outcome === "number") return outcome;
    detach();
    return exitCodes.detached;
  } finally {
    ended.abort();
    // After Ctrl-C the work fails when its connection is closed, and nobody awaits it any more.
    work.catch(() => {});
  }
}

/** Resolves at the first Ctrl-C, or when `stop` is aborted. */
async function interrupt(stop: AbortSignal): Promise<"interrupted"> {
  return await new Promise((resolve) => {
    const settle = () => {
      process.off("SIGINT", settle);
      stop.removeEventListener("abort", settle);
      resolve("interrupted");
    };
    process.on("SIGINT", settle);
    stop.addEventListener("abort", settle);
  });
}
