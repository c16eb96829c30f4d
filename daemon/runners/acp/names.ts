/**
 * The names of the Agent Client Protocol, version 1, that the runner relies on, and what it says of
 * itself. Those of sub-agents are not part of the stable protocol and changed lately: here only.
 */
import { VERSION } from "../../version.ts";

export const protocolVersion = 1;

export const clientInfo = { name: "offshoot", title: "Offshoot", version: VERSION };

/** What an agent may ask of Offshoot: files and commands of the session's folder, and to be heard. */
export const clientCapabilities = {
  fs: { readTextFile: true, writeTextFile: true },
  terminal: true,
  session: { notices: {} },
  subagents: {},
};

export const toAgent = {
  initialize: "initialize",
  authenticate: "authenticate",
  newSession: "session/new",
  loadSession: "session/load",
  resumeSession: "session/resume",
  prompt: "session/prompt",
  cancel: "session/cancel",
  setMode: "session/set_mode",
  /** Of agents that are older than configuration options. */
  setModel: "session/set_model",
  setConfigOption: "session/set_config_option",
} as const;

export const toClient = {
  update: "session/update",
  requestPermission: "session/request_permission",
  readTextFile: "fs/read_text_file",
  writeTextFile: "fs/write_text_file",
  createTerminal: "terminal/create",
  terminalOutput: "terminal/output",
  waitForTerminalExit: "terminal/wait_for_exit",
  killTerminal: "terminal/kill",
  releaseTerminal: "terminal/release",
} as const;

/** Codes of JSON-RPC and of the protocol. */
export const errorCodes = {
  invalidParams: -32602,
  methodNotFound: -32601,
  internalError: -32603,
  authRequired: -32000,
  resourceNotFound: -32002,
} as const;

/** Under these the runner finds its agent's own session, and what that had cost, in a later run. */
export const remembered = { sessionId: "acpSessionId", agent: "acpAgent" } as const;

/** An answer to an agent that is an error; also what an agent answered with one. */
export class AcpError extends Error {
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.name = "AcpError";
    this.code = code;
    this.data = data;
  }
}
