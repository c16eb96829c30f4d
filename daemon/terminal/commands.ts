/**
 * The terminal client: `offshoot` with its commands. `runTerminal` runs one command and returns its
 * exit code. Every error becomes one line, or with `--json` one JSON value.
 */
import { Command, CommanderError, Help } from "commander";
import { messageOf } from "../base/errors.ts";
import { VERSION } from "../base/version.ts";
import { addApprovalCommands } from "./approvalCommands.ts";
import { addCoreCommands } from "./coreCommands.ts";
import { CommandFailure, exitCodes, exitCodeTable, usageFailure } from "../client/failures.ts";
import { stateFolder } from "../base/stateFolder.ts";
import { surroundingRun } from "../client/surroundingRun.ts";
import type { Bind, CommonOptions, Terminal } from "./invocation.ts";
import { addLookCommands } from "./lookCommands.ts";
import { openOutput } from "./output.ts";
import { addSpawnCommands } from "./spawnCommands.ts";
import { addSteerCommands } from "./steerCommands.ts";

/**
 * Runs one command; `argv` are the arguments after the program's name. Resolves with the exit code
 * when everything is written and nothing is left open. Never rejects.
 */
export async function runTerminal(argv: readonly string[], terminal: Terminal): Promise<number> {
  const output = openOutput({ ...terminal, json: argv.includes("--json") });
  let exitCode: number = exitCodes.ok;
  const bind: Bind =
    (handler) =>
    async (...given) => {
      const command = given.at(-1) as Command;
      const options = command.optsWithGlobals<CommonOptions>();
      const folder = stateFolder(options.stateDir, terminal.environment);
      const run = surroundingRun(terminal.environment, folder);
      const invocation = { terminal, output, folder, run, trusted: options.trust === true };
      exitCode = await handler(invocation, given.slice(0, -2) as never, options as never);
    };
  const program = createProgram(terminal, bind);
  try {
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    // The reader of stdout has closed it and wants no more.
    if (output.closed.aborted) return exitCodes.ok;
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
    const failure = failureOf(error);
    // The command line has no command, or only `help`.
    if (error instanceof CommanderError && error.code === "commander.help" && !output.json) {
      program.outputHelp();
      return failure.exitCode;
    }
    output.failure(failure);
    return failure.exitCode;
  } finally {
    output.release();
  }
}

function createProgram(terminal: Terminal, bind: Bind): Command {
  const program = new Command("offshoot")
    .description("Runs sub-agents, keeps every one of them on disk, and shows what they do.")
    .usage(
      "[options] COMMAND …\n" +
        "       offshoot --stdio                 serve the protocol on stdin and stdout, for editors",
    )
    .option("--state-dir <dir>", "the core's state folder (or OFFSHOOT_STATE_DIR)")
    .option("--json", "write JSON for scripts: one value per line, also for errors")
    .option("--trust", "trust this repository, or this folder if it is in none: its agents may run")
    .version(VERSION, "--version", "print the version")
    .helpOption("-h, --help", "print this help")
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({
      showGlobalOptions: true,
      helpWidth: Math.min(100, terminal.stdout.columns ?? 100),
      subcommandTerm: (command) => plainHelp.subcommandTerm(command).replace(" [options]", ""),
    })
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      // Errors are written once, by runTerminal.
      writeErr: () => {},
    });
  program.commandsGroup("Start work:");
  addSpawnCommands(program, bind);
  program.commandsGroup("Inspect:");
  addLookCommands(program, bind);
  program.commandsGroup("Control:");
  addSteerCommands(program, bind);
  addApprovalCommands(program, bind);
  program.commandsGroup("For other programs, over stdin and stdout:");
  addProgramCommands(program);
  program.commandsGroup("The core:");
  addCoreCommands(program, bind);
  program.helpCommand("help [command]", "explain a command");
  program.addHelpText("after", helpEnd);
  return program;
}

/** Help for these; `daemon/main.ts` runs them before the terminal client, unless they are misused. */
function addProgramCommands(program: Command): void {
  const programs = {
    agent: "run as an agent of the Agent Client Protocol, for editors and other hosts",
    mcp: "run as an MCP server with the sub-agent tools, for any other agent",
  };
  for (const [name, description] of Object.entries(programs)) {
    program
      .command(name)
      .description(description)
      .action(() => {
        throw usageFailure(`\`offshoot ${name}\` takes no option but --state-dir <dir>`);
      });
  }
}

const plainHelp = new Help();

const helpEnd = `
A session can be named by the end of its id, as \`offshoot ls\` shows it.
Times are written 90s, 10m, 2h or 30d; sizes 500MB or 2GiB.

Examples:
  offshoot run "npm test"                       run a shell command as a sub-agent and follow it
  offshoot run --agent claude "Fix the tests"   the same with another agent (see offshoot agents)
  id=$(offshoot spawn "npm test")               start one in the background
  offshoot wait --timeout 10m $id && echo ok    wait for the sub-agent in a script
  offshoot tree                                 watch all sub-agents
  offshoot cancel 1f2e3d4c                      cancel a session and everything below it

Exit codes:
${exitCodeTable.map(([code, meaning]) => `  ${String(code).padEnd(4)}${meaning}`).join("\n")}
`;

function failureOf(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  if (error instanceof CommanderError) {
    return new CommandFailure("usage", usageMessage(error), exitCodes.usage);
  }
  return new CommandFailure("internal", messageOf(error), exitCodes.failed);
}

function usageMessage(error: CommanderError): string {
  const message = error.message.replace(/^error: /, "").replaceAll("\n", " ");
  if (error.code === "commander.help") return "no command was given";
  const hint =
    error.code === "commander.unknownOption"
      ? "; put -- before a text that begins with a dash"
      : "; see `offshoot --help`";
  return message + hint;
}
