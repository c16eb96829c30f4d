/** The commands that change nothing: `ls`, `tree`, `events`, `tail` and `agents`. */
import type { Command } from "commander";
import { resolve } from "node:path";
import type { StoredEvent } from "../../protocol/events.ts";
import type { ParamsOf } from "../../protocol/messages.ts";
import type { Session, SessionStatus } from "../../protocol/session.ts";
import { agents } from "./agentsCommand.ts";
import type { Client } from "../client/coreClient.ts";
import { eventLine, eventWriter } from "./eventText.ts";
import { exitCodes } from "../client/failures.ts";
import { followEvents, followRun, outcomeCode } from "./followRun.ts";
import { readEvents } from "./sessionEvents.ts";
import {
  withCore,
  withStoredSessions,
  type Bind,
  type CommonOptions,
  type Invocation,
} from "./invocation.ts";
import { count, idOrEnd, statuses } from "./optionParsers.ts";
import { untilInterrupted, widthOf, type Output } from "./output.ts";
import { present } from "../client/present.ts";
import { listSessions, resolveId, sessionNamed } from "../client/sessionIds.ts";
import { detailOf, elapsedOf, lookOf } from "./sessionText.ts";
import { tableLines } from "./table.ts";
import { tree, type TreeOptions } from "./treeCommand.ts";
import { cleanLine, cutTo, formatDuration, shortId } from "../client/values.ts";

interface ListOptions extends CommonOptions {
  readonly status?: SessionStatus[];
  readonly root?: string;
  readonly text?: string;
  readonly cwd?: string;
  readonly limit: number;
}

interface EventOptions extends CommonOptions {
  readonly after?: number;
  readonly lines?: number;
  readonly follow?: boolean;
}

export function addLookCommands(program: Command, bind: Bind): void {
  program
    .command("ls")
    .description("list sessions, newest first")
    .option("-s, --status <names>", "only sessions in these states, separated by commas", statuses)
    .option("-r, --root <id>", "only sessions of the tree that has this session", idOrEnd)
    .option("--text <words>", "only sessions with this text in title, agent or result")
    .option("-C, --cwd <dir>", "only sessions of this folder")
    .option("-n, --limit <n>", "at most this many, 0 for all", count, 50)
    .action(
      bind((invocation, _given: [], options: ListOptions) =>
        look(invocation, (client) => ls(client, invocation, options)),
      ),
    );
  program
    .command("tree")
    .argument("[id]", "only this session and everything below it", idOrEnd)
    .description("show the tree, live until Ctrl-C")
    .option("--once", "print the tree once")
    .action(
      bind((invocation, [named]: [string | undefined], options: TreeOptions) =>
        look(invocation, (client) => tree(client, invocation, named, options)),
      ),
    );
  program
    .command("events")
    .argument("<id>", "the session", idOrEnd)
    .description("print the events of a session, one per line")
    .option("--after <n>", "only events above this number", count, 0)
    .option("-f, --follow", "stay until the run has ended; its outcome is the exit code")
    .action(bind(events));
  program
    .command("tail")
    .argument("<id>", "the session", idOrEnd)
    .description("print the last output of a session; -f follows its run")
    .option("-n, --lines <n>", "the number of events", count, 20)
    .option("--after <n>", "all events above this number", count)
    .option("-f, --follow", "stay until the run has ended; its outcome is the exit code")
    .action(bind(tail));
  program
    .command("agents")
    .description("list the agents that can be spawned, and how to get the others")
    .action(bind((invocation) => withCore(invocation, (client) => agents(client, invocation))));
}

/** If no core has ever run in the state folder, there are no sessions, and none is started. */
async function look(
  invocation: Invocation,
  use: (client: Client) => Promise<number>,
): Promise<number> {
  const code = await withStoredSessions(invocation, use);
  if (code !== undefined) return code;
  invocation.output.value({ sessions: [] });
  invocation.output.note("No sessions.");
  return exitCodes.ok;
}

async function ls(client: Client, invocation: Invocation, options: ListOptions): Promise<number> {
  const { output, terminal } = invocation;
  const filter: ParamsOf<"session/list"> = {
    ...present({ status: options.status, text: options.text }),
    ...(options.root !== undefined && {
      rootId: (await sessionNamed(client, options.root)).rootId,
    }),
    ...(options.cwd !== undefined && { cwd: resolve(terminal.cwd, options.cwd) }),
  };
  const sessions: Session[] = [];
  let more = false;
  const pageSize = options.limit === 0 ? undefined : Math.min(options.limit + 1, 1000);
  for await (const session of listSessions(client, filter, pageSize)) {
    more = options.limit > 0 && sessions.length >= options.limit;
    if (more) break;
    sessions.push(session);
  }
  output.value({ sessions, more });
  if (sessions.length === 0) output.note("No sessions.");
  else for (const line of sessionTable(sessions, output, terminal.now())) output.line(line);
  if (more) output.note("There are more; --limit 0 shows all.");
  return exitCodes.ok;
}

function sessionTable(sessions: readonly Session[], output: Output, now: number): string[] {
  const rows = sessions.map((session) => [
    shortId(session.id),
    session.kind === "root" ? "root" : lookOf(session, undefined).word,
    cleanLine(session.agent),
    elapsedOf(session, now),
    formatDuration(now - session.createdAt),
    cutTo(cleanLine(session.title), 60),
    session.kind === "root" ? cleanLine(session.cwd) : detailOf(session, undefined, now),
  ]);
  const head = ["ID", "STATE", "AGENT", "TIME", "AGE", "TITLE", "DETAIL"];
  return tableLines([head, ...rows], widthOf(output), (text, row, column) => {
    const session = sessions[row - 1];
    if (session === undefined) return output.paint("bold", text);
    return column === 1 ? output.paint(lookOf(session, undefined).style, text) : text;
  });
}

async function events(
  invocation: Invocation,
  [named]: [string],
  options: EventOptions,
): Promise<number> {
  const { output } = invocation;
  return await withCore(invocation, async (client) => {
    const sessionId = await resolveId(client, named);
    const write = (event: StoredEvent) => {
      output.value(event);
      output.line(eventLine(event));
    };
    if (options.follow !== true) {
      await readEvents(client, sessionId, options.after ?? 0, write);
      return exitCodes.ok;
    }
    const work = followEvents(invocation, client, sessionId, options.after ?? 0, write);
    return await untilInterrupted(work.then(outcomeCode), () => output.note("The run continues."));
  });
}

async function tail(
  invocation: Invocation,
  [named]: [string],
  options: EventOptions,
): Promise<number> {
  const { output } = invocation;
  return await withCore(invocation, async (client) => {
    const sessionId = await resolveId(client, named);
    const { session } = await client.call("session/get", { sessionId });
    const after = options.after ?? Math.max(0, session.lastSeq - (options.lines ?? 0));
    if (options.follow === true) return await followRun(invocation, client, session, after);
    const writer = eventWriter(output);
    await readEvents(client, sessionId, after, (stored) => {
      output.value(stored);
      writer.write(stored.event);
    });
    writer.end();
    return exitCodes.ok;
  });
}
