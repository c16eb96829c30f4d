/**
 * What `npm start` shows: a core in a temporary state folder, and a tree of real sub-agents that
 * work on this folder, until all have ended as planned.
 */
import { existsSync } from "node:fs";
import { mkdtemp, realpath, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Config } from "../../protocol/config.ts";
import { isLive, type Session } from "../../protocol/session.ts";
import { stateFolder } from "../base/stateFolder.ts";
import type { Client } from "../client/coreClient.ts";
import { demoTasks, type DemoTask } from "./demoTasks.ts";
import { CommandFailure, exitCodes } from "../client/failures.ts";
import { withCore, type Invocation } from "./invocation.ts";
import { liveTree } from "./liveTree.ts";
import { untilInterrupted, type Paint } from "./output.ts";
import { detailOf, elapsedOf, lookOf } from "./sessionText.ts";
import { cleanText, cutTo, formatDuration } from "../client/values.ts";

/** The longest time of the demo; it usually takes about ten seconds. */
const longestDemoMs = 50_000;

/** The most lines of a result that are shown. */
const shownLines = 8;

/** A task and the session that was spawned for it. */
interface Spawned {
  readonly task: DemoTask;
  readonly sessionId: string;
}

/**
 * Runs the demo on the folder of the invocation. The exit code is 0 if every sub-agent ended as
 * planned. No process is left then; the temporary folder is, for a second look.
 */
export async function runDemo(invocation: Invocation): Promise<number> {
  const { output, terminal } = invocation;
  if (process.platform === "win32") {
    const message =
      "the demo needs sh, find and awk, which Windows does not have; everything else works there";
    throw new CommandFailure("unsupported", message, exitCodes.failed);
  }
  const scratch = await realpath(await mkdtemp(join(tmpdir(), "offshoot-demo-")));
  const folder = stateFolder(join(scratch, "state"), {});
  // A configuration that holds nothing of the user's.
  const configFile = join(scratch, "config.json");
  const config: Config = { concurrency: { total: 8, perRoot: 8 } };
  await writeFile(configFile, JSON.stringify(config, undefined, 2));
  const tasks = demoTasks.filter(
    ({ needs }) => needs === undefined || existsSync(join(terminal.cwd, needs)),
  );
  output.line(output.paint("bold", `Offshoot at work on ${terminal.cwd}`));
  for (const { needs, title } of demoTasks.filter((task) => !tasks.includes(task))) {
    output.line(`left out: ${title} (there is no ${needs}; run npm ci)`);
  }
  output.line("");
  const own: Invocation = { ...invocation, folder, run: undefined };
  return await withConfigFile(configFile, () =>
    withCore(own, async (client) => {
      try {
        return await show(client, own, tasks);
      } finally {
        await client.call("daemon/stop", { runs: "cancel" }).catch(() => {});
        await client.ended;
      }
    }),
  );
}

/** A core inherits the environment of this process, which names its configuration. */
async function withConfigFile<Result>(file: string, use: () => Promise<Result>): Promise<Result> {
  const before = process.env["OFFSHOOT_CONFIG"];
  process.env["OFFSHOOT_CONFIG"] = file;
  try {
    return await use();
  } finally {
    if (before === undefined) delete process.env["OFFSHOOT_CONFIG"];
    else process.env["OFFSHOOT_CONFIG"] = before;
  }
}

/** Spawns the tree, draws it until all sub-agents have ended, and prints the results. */
async function show(
  client: Client,
  invocation: Invocation,
  tasks: readonly DemoTask[],
): Promise<number> {
  const { output, terminal } = invocation;
  const startedAt = terminal.now();
  const { session: root } = await client.call("session/create", {
    title: basename(terminal.cwd),
    cwd: terminal.cwd,
  });
  const live = await liveTree({ client, output, rootIds: [root.id], now: terminal.now });
  const stopping = new AbortController();
  let spawned: Spawned[] = [];
  const work = async () => {
    spawned = await spawnAll(client, root, tasks);
    for (const { task, sessionId } of spawned) {
      if (task.cancelAfterMs === undefined) continue;
      void cancelWhenStarted(client, sessionId, task.cancelAfterMs, stopping.signal);
    }
    const { timedOut } = await client.call("session/wait", {
      sessionIds: spawned.map(({ sessionId }) => sessionId),
      timeoutMs: longestDemoMs,
    });
    // The answer may arrive before the last notification about the runs.
    if (!timedOut) await live.allEnded();
    return exitCodes.ok;
  };
  try {
    const code = await untilInterrupted(work(), () => {
      live.stop();
      output.note("The demo is stopped.");
    });
    live.stop();
    if (code !== exitCodes.ok) return code;
    return printResults(invocation, spawned, live.model.sessions, terminal.now() - startedAt);
  } finally {
    stopping.abort();
    live.stop();
  }
}

async function spawnAll(
  client: Client,
  root: Session,
  tasks: readonly DemoTask[],
): Promise<Spawned[]> {
  return await Promise.all(
    tasks.map(async (task) => {
      const { title, agent, prompt, permissions } = task;
      const { session } = await client.call("session/spawn", {
        parentId: root.id,
        title,
        agent,
        prompt,
        ...(permissions && { overrides: { permissions } }),
      });
      return { task, sessionId: session.id };
    }),
  );
}

async function cancelWhenStarted(
  client: Client,
  sessionId: string,
  afterMs: number,
  signal: AbortSignal,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const startTimer = () => {
    timer ??= setTimeout(() => {
      // The request fails only when the connection has ended, and the demo with it.
      client.call("session/cancel", { sessionId, reason: "halfway" }).catch(() => {});
    }, afterMs);
  };
  signal.addEventListener("abort", () => clearTimeout(timer));
  client.on("subAgent/started", (started) => {
    if (started.childSessionId === sessionId) startTimer();
  });
  const { session } = await client.call("session/get", { sessionId });
  if (isLive(session)) startTimer();
}

/** Prints the results. The exit code is 1 if a sub-agent did not end as planned. */
function printResults(
  { output, folder, terminal }: Invocation,
  spawned: readonly Spawned[],
  sessions: ReadonlyMap<string, Session>,
  elapsedMs: number,
): number {
  const children = [...sessions.values()].filter((session) => session.kind === "child");
  const surprises: string[] = [];
  const planned: string[] = [];
  output.line("");
  for (const { task, sessionId } of spawned) {
    const session = sessions.get(sessionId);
    if (session === undefined) continue;
    const asPlanned = isAsPlanned(task, session);
    if (!asPlanned) surprises.push(`"${task.title}" is ${session.status}, not ${task.expected}`);
    else if (task.expected === "error") planned.push("1 failed on purpose");
    else if (task.expected !== "completed") planned.push(`1 ${session.status} on purpose`);
    for (const line of resultLines(session, asPlanned, output.paint)) {
      output.line(cutTo(line, output.stdout.columns ?? 200));
    }
  }
  output.value({ results: children, surprises });
  const completed = children.filter((session) => session.status === "completed").length;
  output.line("");
  output.line(
    `${children.length} sub-agents in ${formatDuration(elapsedMs)}: ` +
      [`${completed} completed`, ...planned].join(", "),
  );
  for (const surprise of surprises) output.line(output.paint("red", `not as planned: ${surprise}`));
  output.line(`log         ${folder.logFile}`);
  output.line(`store       ${folder.storeFile}`);
  const byNpm = terminal.environment["npm_execpath"] !== undefined;
  const command = byNpm ? "npm run -s offshoot --" : "offshoot";
  output.line(`look again  ${command} --state-dir ${folder.dir} tree --once`);
  return surprises.length === 0 ? exitCodes.ok : exitCodes.failed;
}

function isAsPlanned(task: DemoTask, session: Session): boolean {
  if (session.status !== task.expected) return false;
  return (
    task.exitCode === undefined ||
    (session.status === "error" && session.error?.exitCode === task.exitCode)
  );
}

/** The title with the state, and the last lines of the result. */
function resultLines(session: Session, asPlanned: boolean, paint: Paint): string[] {
  const { glyph, style } = lookOf(session, undefined);
  const completed = session.status === "completed";
  const facts = [
    elapsedOf(session, session.updatedAt),
    completed ? "" : detailOf(session, undefined, session.updatedAt),
  ].filter((fact) => fact !== "");
  const isShown = completed || !asPlanned;
  const said = isShown && "result" in session ? cleanText(session.result ?? "") : "";
  const lines = said.split("\n").filter((line) => line.trim() !== "");
  const hidden = lines.length - shownLines;
  return [
    `${paint(style, glyph)} ${paint("bold", session.title)}  ${paint("dim", facts.join("  "))}`,
    ...(hidden > 0 ? [paint("dim", `    … ${hidden} lines before these`)] : []),
    ...lines.slice(-shownLines).map((line) => `    ${line}`),
  ];
}
