/** The commands that act on sessions: `send`, `wait`, `rename`, `cancel`, `pause`, `resume`, `retry`, `rm`. */
import type { Command } from "commander";
import type { ParamsOf, ResultOf } from "../../protocol/messages.ts";
import type { Client } from "../client/coreClient.ts";
import { CommandFailure, exitCodes, exitCodeOfStatus, usageFailure } from "../client/failures.ts";
import { endLine } from "./followRun.ts";
import {
  textOf,
  withCore,
  withCoreForRuns,
  type Bind,
  type CommonOptions,
  type Invocation,
} from "./invocation.ts";
import { idOrEnd, idsOrEnds, waitingTime } from "./optionParsers.ts";
import { untilInterrupted, type Output } from "./output.ts";
import { remove } from "./removeCommand.ts";
import { retry } from "./retryCommand.ts";
import { present } from "../client/present.ts";
import { resolveId, resolveIds } from "../client/sessionIds.ts";
import { cleanLine, shortId } from "../client/values.ts";

interface WaitOptions extends CommonOptions {
  readonly any?: boolean;
  readonly firstError?: boolean;
  readonly timeout?: number;
}

export function addSteerCommands(program: Command, bind: Bind): void {
  program
    .command("send")
    .argument("<id>", "the session", idOrEnd)
    .argument("<text...>", "the message, its words joined by blanks; - reads it from stdin")
    .description("send a message; a session that has ended runs again with it")
    .option("--interrupt", "interrupt the present turn, so that the message is read at once")
    .action(bind(send));
  program
    .command("wait")
    .argument("<ids...>", "the sessions", idsOrEnds)
    .description(
      "wait until sessions have ended; the first outcome that is no success is the exit code",
    )
    .option("--any", "only until the first of them has ended")
    .option("--first-error", "only until one has ended without success, or all have ended")
    .option("--timeout <time>", "the longest time to wait", waitingTime)
    .action(bind(wait));
  program
    .command("rename")
    .argument("<id>", "the session", idOrEnd)
    .argument("<title...>", "its new title, the words joined by blanks")
    .description("give a session another title")
    .action(bind(rename));
  program
    .command("cancel")
    .argument("<ids...>", "the sessions", idsOrEnds)
    .description("cancel sessions and everything below them")
    .option("--reason <text>", "the reason, which is shown with the outcome")
    .action(
      bind(
        async (invocation, [named]: [string[]], { reason }: CommonOptions & { reason?: string }) =>
          onEach(invocation, named, "cancel", (client, sessionId) =>
            client.call("session/cancel", { sessionId, ...present({ reason }) }),
          ),
      ),
    );
  const descriptions = {
    pause: "pause sessions: a queued one now, a live one at its next turn",
    resume: "queue paused sessions again",
  };
  for (const verb of ["pause", "resume"] as const) {
    program
      .command(verb)
      .argument("<ids...>", "the sessions", idsOrEnds)
      .description(descriptions[verb])
      .option("--tree", "with everything below")
      .action(
        bind(
          async (invocation, [named]: [string[]], { tree }: CommonOptions & { tree?: boolean }) =>
            onEach(invocation, named, verb, (client, sessionId) =>
              client.call(`session/${verb}`, { sessionId, ...present({ tree }) }),
            ),
        ),
      );
  }
  program
    .command("retry")
    .argument("<id>", "the session", idOrEnd)
    .description("run a session again; a completed one gets its last message again")
    .option("-f, --follow", "follow the new run; its outcome is the exit code")
    .action(bind(retry));
  program
    .command("rm")
    .argument("<ids...>", "the sessions", idsOrEnds)
    .description("cancel and remove sessions with everything below them")
    .option("-y, --yes", "do not ask")
    .action(bind(remove));
}

async function send(
  invocation: Invocation,
  [named, words]: [string, string[]],
  { interrupt }: CommonOptions & { interrupt?: boolean },
): Promise<number> {
  const { output } = invocation;
  const text = await textOf(words, invocation.terminal, "message");
  return await withCoreForRuns(invocation, async (client) => {
    const sessionId = await resolveId(client, named);
    const params = { sessionId, text, ...present({ interrupt }) };
    const answer = await client.call("session/send", params);
    output.value(answer);
    output.line(deliveries[answer.delivery]);
    return exitCodes.ok;
  });
}

async function rename(invocation: Invocation, [named, words]: [string, string[]]): Promise<number> {
  return await withCore(invocation, async (client) => {
    const sessionId = await resolveId(client, named);
    const answer = await client.call("session/rename", { sessionId, title: words.join(" ") });
    invocation.output.value(answer);
    invocation.output.line(`rename: ${shortId(sessionId)}`);
    return exitCodes.ok;
  });
}

const deliveries: Record<ResultOf<"session/send">["delivery"], string> = {
  injected: "delivered to the live run",
  queued: "kept for the next run, which follows this one",
  run: "queued a new run with the message",
};

async function wait(
  invocation: Invocation,
  [named]: [string[]],
  options: WaitOptions,
): Promise<number> {
  const { output, terminal } = invocation;
  if (options.any === true && options.firstError === true) {
    throw usageFailure("--any and --first-error exclude each other");
  }
  const until = options.any === true ? "any" : options.firstError === true ? "firstError" : "all";
  return await withCore(invocation, async (client) => {
    const sessionIds = await resolveIds(client, named);
    const deadline = options.timeout === undefined ? undefined : terminal.now() + options.timeout;
    const work = waitFor(client, { sessionIds, until }, deadline, terminal.now);
    return await untilInterrupted(
      work.then((answer) => printOutcomes(client, output, answer)),
      () => output.note("The runs continue."),
    );
  });
}

/** Waits until the deadline, if there is one; the core's own bound on one wait is six hours. */
async function waitFor(
  client: Client,
  params: ParamsOf<"session/wait">,
  deadline: number | undefined,
  now: () => number,
): Promise<ResultOf<"session/wait">> {
  for (;;) {
    const timeoutMs = deadline === undefined ? undefined : Math.max(0, deadline - now());
    const answer = await client.call("session/wait", { ...params, ...present({ timeoutMs }) });
    if (!answer.timedOut || (deadline !== undefined && now() >= deadline)) return answer;
  }
}

async function printOutcomes(
  client: Client,
  output: Output,
  answer: ResultOf<"session/wait">,
): Promise<number> {
  output.value(answer);
  for (const { childSessionId } of answer.completions) {
    const { session } = await client.call("session/get", { sessionId: childSessionId });
    output.line(`${endLine(session)} ${cleanLine(session.title)}`);
  }
  for (const { sessionId, error } of answer.escalated ?? []) {
    output.line(`! ${shortId(sessionId)} needs a message: ${cleanLine(error.message)}`);
  }
  if (answer.timedOut) {
    output.note(
      `The time is over; ${answer.pending.length} not ended: ${answer.pending.map(shortId).join(" ")}`,
    );
    return exitCodes.waitTimedOut;
  }
  const codes = answer.completions.map((completion) => exitCodeOfStatus(completion.status));
  const bad = codes.find((code) => code !== exitCodes.ok);
  return bad ?? ((answer.escalated?.length ?? 0) > 0 ? exitCodes.failed : exitCodes.ok);
}

/** Does the same to each of several sessions; a failure does not stop the others. */
async function onEach(
  invocation: Invocation,
  named: readonly string[],
  verb: string,
  act: (client: Client, sessionId: string) => Promise<unknown>,
): Promise<number> {
  const { output } = invocation;
  return await withCore(invocation, async (client) => {
    const failures: CommandFailure[] = [];
    const done: string[] = [];
    for (const sessionId of await resolveIds(client, named)) {
      try {
        await act(client, sessionId);
        done.push(sessionId);
        output.line(`${verb}: ${shortId(sessionId)}`);
      } catch (error) {
        if (!(error instanceof CommandFailure)) throw error;
        const { kind, message, exitCode, code } = error;
        failures.push(
          new CommandFailure(kind, `${shortId(sessionId)}: ${message}`, exitCode, code),
        );
      }
    }
    output.value({ [verb]: done });
    const [first, ...others] = failures;
    if (first === undefined) return exitCodes.ok;
    for (const failure of others) output.failure(failure);
    throw first;
  });
}
