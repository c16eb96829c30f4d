/** The names of the Agent Client Protocol, version 1, and what the runner says of itself. */
import { VERSION } from "../../base/version.ts";

export const protocolVersion = 1;

export const clientInfo = { name: "offshoot", title: "Offshoot", version: VERSION };

/** What an agent may ask of Offshoot: files and commands of the session's folder, and notices. */
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
  /** For agents without configuration options. */
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

/** Keys under which a later run finds the agent's own session. */
export const remembered = { sessionId: "acpSessionId", agent: "acpAgent" } as const;

/** An error that an agent is answered with, or that an agent answered with. */
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
