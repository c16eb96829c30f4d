/** The commands of one session: those that the model waits for, and those in the background. */
import { setTimeout as wait } from "node:timers/promises";
import { withTimeout } from "../base/until.ts";
import { createCollector } from "./outputCollector.ts";
import type { OutputCollector } from "./outputCollector.ts";
import { startGroup } from "../processes/processGroup.ts";
import type { ProcessGroup } from "../processes/processGroup.ts";
import type { Processes } from "../processes/processes.ts";

export interface Commands {
  /** Runs a command to its end. When the signal aborts, ends all its processes, then returns. */
  run(task: CommandTask & { timeoutMs: number; signal: AbortSignal }): Promise<CommandEnd>;
  /** Starts a background command and returns its handle. */
  start(task: CommandTask): string;
  /**
   * The output of a background command since the last call of this, and the state of the command.
   */
  look(handle: string, waitMs: number, signal: AbortSignal): Promise<BackgroundState>;
  stop(handle: string): Promise<BackgroundState>;
  /** Ends every process that a command of this session left behind. */
  close(): Promise<void>;
}

export interface CommandTask {
  command: string;
  /** Absolute, exists. */
  cwd: string;
  onOutput(textSoFar: string): void;
}

interface CommandExit {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
}

export interface CommandEnd extends CommandExit {
  output: string;
  timedOut: boolean;
}

export interface BackgroundState {
  output: string;
  state: "running" | CommandExit;
}

interface Running {
  group: ProcessGroup;
  output: OutputCollector;
  /** Resolves when the command has ended, even if processes that it started still run. */
  ended: Promise<CommandExit>;
}

/** How long output that is still in the pipe is read after the command has exited. */
const drainMs = 200;

export function createCommands(
  environment: Record<string, string>,
  processes: Processes,
): Commands {
  const groups = new Set<ProcessGroup>();
  const background = new Map<string, Running & { state: BackgroundState["state"] }>();
  let lastHandle = 0;

  const begin = ({ command, cwd, onOutput }: CommandTask): Running => {
    const group = startGroup({ line: { command }, cwd, environment }, processes);
    groups.add(group);
    const output = createCollector();
    for (const stream of [group.child.stdout, group.child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output.add(text);
        onOutput(output.tail());
      });
      stream.on("error", () => undefined);
    }
    return { group, output, ended: endOf(group) };
  };

  const known = (handle: string) => {
    const running = background.get(handle);
    if (running !== undefined) return running;
    const handles = [...background.keys()].join(", ") || "none";
    throw new Error(`there is no background command ${handle}; known handles: ${handles}`);
  };

  return {
    async run({ timeoutMs, signal, ...task }) {
      signal.throwIfAborted();
      const { group, output, ended } = begin(task);
      const timer = AbortSignal.timeout(timeoutMs);
      const stop = AbortSignal.any([signal, timer]);
      const cut = new Promise<"cut">((resolve) => {
        stop.addEventListener("abort", () => resolve("cut"), { once: true });
      });
      const first = await Promise.race([ended, cut]);
      if (first === "cut") await group.end();
      const end = first === "cut" ? { exitCode: null, signal: null } : first;
      if (!(await group.isAlive())) groups.delete(group);
      signal.throwIfAborted();
      return { output: output.take(), ...end, timedOut: first === "cut" };
    },

    start(task) {
      const running: Running & { state: BackgroundState["state"] } = {
        ...begin(task),
        state: "running",
      };
      lastHandle += 1;
      const handle = `command-${lastHandle}`;
      background.set(handle, running);
      void running.ended
        .catch(() => ({ exitCode: null, signal: null }))
        .then((end) => (running.state = end));
      return handle;
    },

    async look(handle, waitMs, signal) {
      const running = known(handle);
      const time = new AbortController();
      const timeUp = wait(waitMs, undefined, { signal: AbortSignal.any([signal, time.signal]) });
      await Promise.race([running.ended.catch(() => undefined), timeUp.catch(() => undefined)]);
      time.abort();
      signal.throwIfAborted();
      return { output: running.output.take(), state: running.state };
    },

    async stop(handle) {
      const running = known(handle);
      await running.group.end();
      await running.ended.catch(() => undefined);
      groups.delete(running.group);
      return { output: running.output.take(), state: running.state };
    },

    async close() {
      await Promise.all([...groups].map((group) => group.end()));
      for (const { child } of groups) {
        child.stdout.destroy();
        child.stderr.destroy();
      }
      groups.clear();
    },
  };
}

/** The pipes are awaited only briefly: a process that was left behind may hold them open. */
async function endOf({ child }: ProcessGroup): Promise<CommandExit> {
  const closed = new Promise<void>((resolve) => void child.once("close", () => resolve()));
  const end = await new Promise<CommandExit>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (exitCode, signal) => resolve({ exitCode, signal }));
  });
  await withTimeout(closed, drainMs);
  return end;
}
