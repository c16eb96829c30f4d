/** The `offshoot` command as a process that a test talks to while it runs. */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { repository } from "../support/repository.ts";

export interface TerminalProcess {
  /** Only one on a terminal has a stdin: what is typed. */
  readonly child: ChildProcessByStdio<Writable | null, Readable, Readable>;
  /** What it has written so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves with the exit code; null when a signal ended it. */
  readonly code: Promise<number | null>;
}

export function startTerminal(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  cwd: string,
): TerminalProcess {
  const main = join(repository, "daemon", "main.ts");
  return watch(
    spawn(process.execPath, [main, ...args], {
      env: environment,
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
    }),
  );
}

/** The command on a terminal of its own, made by util-linux's `script`. */
export function startOnTerminal(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  cwd: string,
): TerminalProcess {
  const main = join(repository, "daemon", "main.ts");
  const command = ["exec", process.execPath, main, ...args].map((word) => `'${word}'`).join(" ");
  return watch(
    spawn(
      "script",
      ["-qefc", command.replace("'exec'", "stty cols 90 rows 20; exec"), "/dev/null"],
      {
        env: { ...environment, TERM: "xterm-256color", NO_COLOR: "1" },
        cwd,
        stdio: ["pipe", "pipe", "pipe"],
      },
    ),
  );
}

function watch(child: TerminalProcess["child"]): TerminalProcess {
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const closed = once(child, "close") as Promise<[number | null]>;
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    code: closed.then(([code]) => code),
  };
}
