/** What tests of runs ask a client again and again. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ResponseError } from "vscode-jsonrpc";
import type { AgentEvent } from "../../protocol/events.ts";
import type { Completion } from "../../protocol/messages.ts";
import {
  isTerminal,
  type Session,
  type SessionIn,
  type SessionStatus,
} from "../../protocol/session.ts";
import type { TestClient } from "./daemon.ts";
import { waitFor } from "./waitFor.ts";

export async function sessionOf(client: TestClient, sessionId: string): Promise<Session> {
  return (await client.call("session/get", { sessionId })).session;
}

/** Resolves with the session as soon as it has this status. */
export async function until<Status extends SessionStatus>(
  client: TestClient,
  sessionId: string,
  status: Status,
): Promise<SessionIn<Status>> {
  let session: Session | undefined;
  const found = async () => {
    session = await sessionOf(client, sessionId);
    const isLost = isTerminal(session) && (status === "running" || status === "suspended");
    if (isLost) throw new Error(`${sessionId} is ${session.status}, it will not be ${status}`);
    return session.status === status && (session as SessionIn<Status>);
  };
  return await waitFor(found, `${sessionId} to be ${status}`, { describe: () => session });
}

/** The error that a request is refused with. */
export async function refusal(
  request: Promise<unknown>,
): Promise<{ code: number; message: string; data: unknown }> {
  try {
    await request;
  } catch (error) {
    const { code, message, data } = error as ResponseError<unknown>;
    return { code, message, data };
  }
  throw new Error("the request was not refused");
}

/** What was told of a session's runs: methods without their first part, and types of events. */
export function words(client: TestClient, sessionId: string): string[] {
  return client.received.flatMap(({ method, params }) => {
    if (!("childSessionId" in params) || params.childSessionId !== sessionId) return [];
    return [method === "subAgent/event" ? params.event.type : method.replace(/.*\//, "")];
  });
}

/** The stored events of a session, all of them. */
export async function storedEvents(client: TestClient, sessionId: string): Promise<AgentEvent[]> {
  const { events } = await client.call("session/events", { sessionId, limit: 1000 });
  return events.map(({ event }) => event);
}

/** The numbers of the events that were told of a session, in the order of arrival. */
export function toldSeqs(client: TestClient, sessionId: string): number[] {
  return client
    .of("subAgent/event")
    .flatMap(({ childSessionId, seq }) => (childSessionId === sessionId ? [seq] : []));
}

/** Status, error code and error message: what a table of endings names. */
export function outcome({ status, error }: Completion): [string, string?, string?] {
  return error === undefined ? [status] : [status, error.code, error.message];
}

/** The ids of the sessions that ended, in the order in which it was told. */
export function endedInOrder(client: TestClient): string[] {
  return client.of("subAgent/completed").map(({ childSessionId }) => childSessionId);
}

/** A gate that programs of a test wait at until the test opens it. */
export interface Gate {
  /** Shell code: says that it came, then waits until the gate is open. */
  readonly wait: string;
  /** Resolves when this many programs have come. */
  reached(count?: number): Promise<unknown>;
  open(): void;
}

let gates = 0;

export function gate(folder: string): Gate {
  const name = `gate-${(gates += 1)}`;
  const file = join(folder, name);
  const came = () => readdirSync(folder).filter((other) => other.startsWith(`${name}.`)).length;
  return {
    wait: `: > '${file}.'$$; while [ ! -e '${file}' ]; do sleep 0.02; done`,
    reached: (count = 1) => waitFor(() => came() >= count, `${count} programs at ${name}`),
    open: () => writeFileSync(file, ""),
  };
}

/** Processes that carry the mark of the run, zombies not counted. */
export function processesOf(runId: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && hasMark(name, `OFFSHOOT_RUN=${runId}`))
    .map(Number);
}

function hasMark(pid: string, mark: string): boolean {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
    return environment.split("\0").includes(mark) && existsSync(`/proc/${pid}/exe`);
  } catch {
    return false;
  }
}
