/**
 * The runner for agents that speak the Agent Client Protocol. An outside agent has a process of its
 * own for each run, which ends with the run; runs of the built-in agent share the processes of
 * `hosts`.
 */
import type { RunOutcome } from "../../sessions/endings.ts";
import type { RunError } from "../../../protocol/session.ts";
import type { Log } from "../../base/log.ts";
import { startAgent, type AgentProcess } from "./agentProcess.ts";
import { openAcpConnection, type AcpConnection } from "./connection.ts";
import { AcpError } from "./names.ts";
import { errorOfAnswer } from "./outcomes.ts";
import { runAcpSession, type AcpSessionEnd, type SessionParts } from "./session.ts";
import { untilAborted } from "../../base/until.ts";
import type { Json } from "../formats/json.ts";
import { kept } from "../formats/reading.ts";
import { labelOf } from "../../processes/outputLines.ts";
import type { Processes } from "../../processes/processes.ts";
import type { Paused, RunContext, Runner } from "../runner.ts";
import { runError } from "../../base/errors.ts";

/** Processes of the agent that serve many runs. */
export interface AcpHosts {
  /** Leases a host for one run, or returns why there is none. */
  acquire(context: RunContext): Promise<HostLease | RunError>;
}

export interface HostLease {
  readonly connection: AcpConnection;
  /** What the agent gets under `_meta.offshoot` when the session is opened. */
  readonly sessionMeta: Json;
  /** The error of a run whose host has ended. */
  crash(): Promise<RunError>;
  /**
   * Ends the lease. A host that did not end the turn after a cancel is checked, and replaced if it
   * does not answer.
   */
  release(how: "ended" | "hung" | "gone"): Promise<void>;
}

interface Parts {
  processes: Processes;
  log: Log;
  /** Runs agents of the kind "model". */
  hosts?: AcpHosts;
}

/** Runs agents of the kind "acp", and with `hosts` those of the kind "model". */
export function acpRunner({ hosts, ...parts }: Parts): Runner {
  return {
    // The prompt of an outside agent counts as one turn, however many calls of a model it takes.
    canPause: ({ runner }) => runner.kind === "model",
    async run(context) {
      const { runner } = context.profile;
      if (runner.kind === "acp") return runWithOwnProcess(context, runner, parts);
      if (runner.kind === "model" && hosts) return runOnHost(context, hosts, parts);
      const message = `The runner "acp" cannot run a "${runner.kind}".`;
      return { status: "error", error: runError("invalid_request", message) };
    },
  };
}

async function runWithOwnProcess(
  context: RunContext,
  runner: Parameters<typeof startAgent>[0]["runner"],
  parts: SessionParts,
): Promise<RunOutcome> {
  if (context.signal.aborted) return { status: "aborted" };
  const agent = await startAgent({ context, runner, ...parts });
  if ("code" in agent) return { status: "error", error: agent };
  let outcome: RunOutcome = { status: "aborted" };
  let end = unopened(outcome);
  try {
    end = await converse(agent, context, parts);
    if (context.signal.aborted) {
      // An agent that ended its turn after the cancel may exit by itself.
      await agent.end(end.how === "ended" ? Math.min(context.grace.termAfterMs, 500) : 0);
      await agent.drained();
      outcome = { status: "aborted", ...kept(end.outcome().result ?? "") };
      return outcome;
    }
    outcome = end.outcome();
    if (end.how === "gone" && outcome.status === "error") {
      outcome = { ...outcome, error: await agent.crash("spoke") };
    }
    await context.ended(outcome, end.how === "ended" ? agent.leave() : undefined);
    await agent.drained();
    // Text that came until now belongs to the result.
    if (outcome.status === "completed") outcome = end.outcome();
    return outcome;
  } finally {
    end.close(outcome);
    await agent.drained();
  }
}

/** Works on the run's prompts until the run is over or the agent has ended. */
async function converse(
  agent: AgentProcess,
  context: RunContext,
  { log, ...parts }: SessionParts,
): Promise<AcpSessionEnd> {
  const { input, output } = agent;
  const opening = openAcpConnection({
    ...{ input, output, log },
    unroutedUpdates: "toTheFirstSession",
    nonJsonLine: createLineNotes(context),
  });
  let connection: AcpConnection | undefined;
  try {
    connection = await untilAborted(opening, context.signal);
  } catch (err) {
    const answer = err instanceof AcpError ? errorOfAnswer(err, undefined) : undefined;
    log.info({ err, runId: context.runId }, "The connection to an agent could not be opened.");
    return unopened({ status: "error", error: answer ?? (await agent.crash("neverSpoke")) });
  }
  if (connection === undefined) return unopened({ status: "aborted" });
  return runAcpSession(connection, context, { log, ...parts });
}

/** The end of a run whose session was never opened. */
function unopened(outcome: RunOutcome): AcpSessionEnd {
  return {
    how: outcome.status === "aborted" ? "hung" : "ended",
    outcome: () => outcome,
    close: () => undefined,
  };
}

async function runOnHost(
  context: RunContext,
  hosts: AcpHosts,
  parts: SessionParts,
): Promise<RunOutcome | Paused> {
  const lease = await hosts.acquire(context);
  if ("code" in lease) return { status: "error", error: lease };
  let outcome: RunOutcome = { status: "aborted" };
  let end = unopened(outcome);
  try {
    end = await runAcpSession(lease.connection, context, {
      ...parts,
      sessionMeta: lease.sessionMeta,
    });
    outcome = end.outcome();
    if (context.signal.aborted) {
      outcome = { status: "aborted", ...kept(outcome.result ?? "") };
    } else if (end.how === "gone" && outcome.status === "error") {
      outcome = { ...outcome, error: await lease.crash() };
    }
  } finally {
    end.close(outcome);
    const leaving = lease.release(end.how === "paused" ? "ended" : end.how);
    if (outcome.status === "aborted" || context.signal.aborted) await leaving;
    else await context.ended(outcome, leaving);
  }
  return end.how === "paused" && !context.signal.aborted ? { status: "paused" } : outcome;
}

const maxNotedLines = 20;
const maxNotedLength = 500;

/** Notes for the first lines on stdout that are not messages. */
function createLineNotes({ emit }: RunContext): (line: string) => void {
  let lines = 0;
  return (line) => {
    lines += 1;
    if (lines > maxNotedLines) return;
    const more = lines === maxNotedLines ? " (further ones are not shown)" : "";
    const text = `The agent wrote a line that is not a message${more}: ${labelOf(line.slice(0, maxNotedLength))}`;
    emit({ type: "note", level: "warning", text });
  };
}
