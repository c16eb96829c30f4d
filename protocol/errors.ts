/**
 * The errors of the wire. Own codes lie outside the ranges of JSON-RPC and of the Language Server
 * Protocol; every one of them carries `data.kind` and the facts that its schema names.
 */
import * as z from "zod";
import { SessionStatus } from "./session.ts";

const error = <Code extends number, Fields extends z.ZodRawShape>(
  code: Code,
  fields: Fields,
  when: string,
) => ({ code, data: z.object(fields), when });

const version = z.object({ version: z.string(), protocolVersion: z.number().int() });

export const errors = {
  sessionNotFound: error(1001, { sessionId: z.string() }, "there is no session with this id"),
  agentNotFound: error(1002, { agent: z.string() }, "no agent profile has this name"),
  invalidState: error(1003, { status: SessionStatus }, "the session's state does not allow it"),
  limitExceeded: error(
    1004,
    { limit: z.string(), max: z.number(), current: z.number() },
    "depth, children or a budget is used up",
  ),
  notTrusted: error(
    1005,
    {},
    "this client's workspace is not trusted, or the client is part of a run and no person",
  ),
  storeUnavailable: error(1006, { cause: z.string() }, "the store cannot take new work"),
  overloaded: error(
    1007,
    { queued: z.number(), max: z.number(), retryAfterMs: z.number() },
    "the queue is full; what is in it stays",
  ),
  versionMismatch: error(
    1008,
    { client: version.partial(), core: version },
    "client and core speak different major versions of the protocol",
  ),
  approvalNotFound: error(1009, { approvalId: z.string() }, "there is no such approval"),
  approvalAlreadyResolved: error(1010, { decision: z.string() }, "it was answered before"),
  notAChild: error(1011, { sessionId: z.string() }, "a root is never run by the daemon"),
  shuttingDown: error(1012, {}, "the core is stopping and takes no new work"),
  cwdNotFound: error(1013, { cwd: z.string() }, "the folder to run in does not exist"),
  ruleNotFound: error(1014, { ruleId: z.string() }, "there is no such rule"),
} as const;

export type ErrorKind = keyof typeof errors;
export type ErrorData<Kind extends ErrorKind> = z.infer<(typeof errors)[Kind]["data"]>;

/** Codes that JSON-RPC and the Language Server Protocol define, as far as the daemon uses them. */
export const standardErrors = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  serverNotInitialized: -32002,
  requestCancelled: -32800,
} as const;

/** A refusal with a known code: it reaches the client as it is, code, message and data. */
export class OffshootError<Kind extends ErrorKind = ErrorKind> extends Error {
  readonly kind: Kind;
  readonly code: number;
  readonly data: ErrorData<Kind> & { kind: Kind };

  constructor(kind: Kind, message: string, data: ErrorData<Kind>) {
    super(message);
    this.name = "OffshootError";
    this.kind = kind;
    this.code = errors[kind].code;
    this.data = { kind, ...data };
  }
}
