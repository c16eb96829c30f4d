/** Runs commands for an agent: they are processes of the run, like the agent itself. */
import type { ChildProcess } from "node:child_process";
import type { Confinement } from "../../base/confinement.ts";
import type { Log } from "../../base/log.ts";
import { withOwnVariables } from "../../processes/environment.ts";
import { listIn, numberIn, textIn, type Json } from "../formats/json.ts";
import { endOfText, labelOf, outputLines } from "../../processes/outputLines.ts";
import type { ProcessRecord, Processes } from "../../processes/processes.ts";
import { faultOfFolder, startProgram } from "../../processes/start.ts";
import type { ApprovalAnswer, ApprovalQuestion, RunContext } from "../runner.ts";
import { refuseUnlessAllowed } from "./files.ts";
import { AcpError, errorCodes } from "./names.ts";
import { messageOf } from "../../base/errors.ts";

interface Parts {
  context: RunContext;
  confinement: Confinement;
  processes: Processes;
  log: Log;
  ask: (question: ApprovalQuestion) => Promise<ApprovalAnswer>;
  /** Whether a tool call was allowed with this command line. Each permission counts once. */
  isAllowed: (commandLine: string) => boolean;
  /** Called with output, for the tool call that shows the terminal. */
  told: (terminalId: string, text: string) => void;
}

interface Terminal {
  child: ChildProcess;
  record: ProcessRecord | undefined;
  kept: ReturnType<typeof endOfText>;
  limitBytes: number;
  totalBytes: number;
  exit: { exitCode: number | null; signal: string | null } | undefined;
  exited: Promise<void>;
}

/** The most bytes of output that are kept per terminal, also where the agent wants more. */
const maxOutputBytes = 1024 * 1024;
/** The most terminals that an agent may hold at the same time. */
const maxTerminals = 100;

export function createTerminals(parts: Parts) {
  const { context, confinement, processes, log } = parts;
  const terminals = new Map<string, Terminal>();
  let last = 0;

  function find(params: Json): Terminal {
    const id = textIn(params, "terminalId") ?? "";
    const terminal = terminals.get(id);
    if (terminal) return terminal;
    throw new AcpError(errorCodes.resourceNotFound, `There is no terminal ${id}.`);
  }

  async function kill({ record, exit }: Terminal): Promise<object> {
    if (exit || !record) return {};
    await processes.endProcesses({
      find: { records: [record] },
      killAfterMs: context.grace.killAfterMs,
    });
    return {};
  }

  async function folderFor(params: Json): Promise<string> {
    try {
      const folder = await confinement.inside(textIn(params, "cwd") ?? confinement.cwd);
      const fault = await faultOfFolder(folder);
      if (fault === undefined) return folder;
      throw new Error(fault);
    } catch (error) {
      throw new AcpError(errorCodes.invalidParams, messageOf(error));
    }
  }

  function watch(id: string, child: ChildProcess, limitBytes: number): Terminal {
    const kept = endOfText(limitBytes);
    let tellExit = () => {};
    const exited = new Promise<void>((tell) => (tellExit = tell));
    const record = processes.identify(child.pid ?? 0);
    if (record) context.processStarted(record);
    const facts = { child, record, kept, limitBytes, exited };
    const terminal: Terminal = { ...facts, totalBytes: 0, exit: undefined };
    const take = (text: string) => {
      terminal.totalBytes += Buffer.byteLength(text);
      kept.add(text);
      parts.told(id, text);
    };
    for (const stream of [child.stdout, child.stderr]) {
      const lines = outputLines(take);
      stream?.on("data", (chunk: Buffer) => {
        lines.write(chunk);
        stream.pause();
        void context.ready().then(() => stream.resume());
      });
      stream?.on("end", () => lines.flush());
      stream?.on("error", (err) => log.debug({ err }, "Reading a terminal's output failed."));
    }
    child.on("error", (err) =>
      log.warn({ err, runId: context.runId }, "A terminal's process had an error."),
    );
    // "close" means that the output is complete; "exit" counts after a while, for pipes that are
    // held open.
    child.once("exit", (exitCode, signal) => {
      const end = () => {
        clearTimeout(late);
        terminal.exit ??= { exitCode, signal };
        tellExit();
      };
      const late = setTimeout(end, 500);
      child.once("close", end);
    });
    terminals.set(id, terminal);
    return terminal;
  }

  return {
    async create(params: Json): Promise<{ terminalId: string }> {
      const command = textIn(params, "command");
      if (command === undefined) {
        throw new AcpError(errorCodes.invalidParams, "A command is missing.");
      }
      if (terminals.size >= maxTerminals) {
        throw new AcpError(errorCodes.internalError, `${maxTerminals} terminals are open already.`);
      }
      const { args: given } = params;
      const args = Array.isArray(given) ? given.map(String) : [];
      const cwd = await folderFor(params);
      const line = [command, ...args].join(" ");
      if (!parts.isAllowed(commandLineOf(command, args))) {
        const input = { command: line, cwd: confinement.shown(cwd) };
        const question = {
          toolName: "terminal",
          kind: "execute",
          title: labelOf(line.split("\n")[0] ?? ""),
        } as const;
        refuseUnlessAllowed(
          await parts.ask({ ...question, input, subject: commandLineOf(command, args) }),
        );
      }
      const started = await startProgram({
        ...programOf(command, args),
        cwd,
        environment: withOwnVariables(context.environment, variablesIn(params)),
        input: undefined,
      });
      if ("code" in started) throw new AcpError(errorCodes.internalError, started.message);
      last += 1;
      const terminalId = `terminal-${last}`;
      const wanted = numberIn(params, "outputByteLimit") ?? maxOutputBytes;
      watch(terminalId, started, Math.max(1, Math.min(wanted, maxOutputBytes)));
      return { terminalId };
    },
    output(params: Json): object {
      const { kept, exit, totalBytes, limitBytes } = find(params);
      const truncated = totalBytes > limitBytes;
      return { output: kept.text(), truncated, ...(exit && { exitStatus: exit }) };
    },
    async waitForExit(params: Json): Promise<object> {
      const terminal = find(params);
      await terminal.exited;
      return { ...terminal.exit };
    },
    kill: async (params: Json) => kill(find(params)),
    async release(params: Json): Promise<object> {
      const terminal = find(params);
      terminals.delete(textIn(params, "terminalId") ?? "");
      return kill(terminal);
    },
    /** Stops reading output; the processes end with the run. */
    close(): void {
      for (const { child } of terminals.values()) {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }
      terminals.clear();
    },
  };
}

/** A command without arguments is a line for a shell, as most agents send it. */
function programOf(command: string, args: readonly string[]) {
  if (args.length > 0) return { program: command, args };
  return process.platform === "win32"
    ? { program: "cmd.exe", args: ["/d", "/s", "/c", command] }
    : { program: "/bin/sh", args: ["-c", command] };
}

/** The line in `sh -c LINE`. */
function commandLineOf(command: string, args: readonly string[]): string {
  const [option, line] = args;
  const isShell = args.length === 2 && /^-\w*c$/.test(option ?? "") && line !== undefined;
  return isShell ? line : [command, ...args].join(" ");
}

function variablesIn(params: Json): Record<string, string> {
  const variables = listIn(params, "env").flatMap(({ name, value }) =>
    typeof name !== "string" || name === "" || typeof value !== "string"
      ? []
      : [[name, value] as const],
  );
  return Object.fromEntries(variables);
}
