/**
 * The terminal client: `offshoot` with its commands. One function takes the arguments to an exit
 * code; every error on the way becomes one clear line, or one JSON value with `--json`.
 */
import { Command, CommanderError, Help } from "commander";
import { VERSION } from "../base/version.ts";
import { addApprovalCommands } from "./approvalCommands.ts";
import { addCoreCommands } from "./coreCommands.ts";
import { CommandFailure, exitCodes, exitCodeTable, usageFailure } from "../client/failures.ts";
import { invocationOf, type Bind, type CommonOptions, type Terminal } from "./invocation.ts";
import { addLookCommands } from "./lookCommands.ts";
import { openOutput } from "./output.ts";
import { addSpawnCommands } from "./spawnCommands.ts";
import { addSteerCommands } from "./steerCommands.ts";
import { messageOf } from "../base/errors.ts";

/**
 * Runs one command of the terminal client; `argv` holds what stands behind the program's name.
 * Resolves with the exit code when everything is written and nothing is left open. Never rejects.
 */
export async function runTerminal(argv: readonly string[], terminal: Terminal): Promise<number> {
  const output = openOutput({ ...terminal, json: argv.includes("--json") });
  let exitCode: number = exitCodes.ok;
  const bind: Bind =
    (handler) =>
    async (...given) => {
      const command = given.at(-1) as Command;
      const options = command.optsWithGlobals<CommonOptions>();
      const invocation = invocationOf(terminal, output, options);
      exitCode = await handler(invocation, given.slice(0, -2) as never, options as never);
    };
  const program = createProgram(terminal, bind);
  try {
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    // Whoever read stdout has seen enough.
    if (output.closed.aborted) return exitCodes.ok;
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
    if (isWithoutCommand(error) && !output.json) {
      program.outputHelp();
      return exitCodes.usage;
    }
    const failure = failureOf(error);
    output.failure(failure);
    return failure.exitCode;
  } finally {
    output.release();
  }
}

/** No command was named, or only `help`. */
function isWithoutCommand(error: unknown): boolean {
  return error instanceof CommanderError && error.code === "commander.help";
}

function createProgram(terminal: Terminal, bind: Bind): Command {
  const program = new Command("offshoot")
    .description("Runs sub-agents, keeps every one of them on disk, and shows what they do.")
    .usage(
      "[options] COMMAND …\n" +
        "       offshoot --stdio                 speak the protocol, for editors",
    )
    .option("--state-dir <dir>", "the core's state folder (or OFFSHOOT_STATE_DIR)")
    .option("--json", "write JSON for scripts: one value per line, errors too")
    .option("--trust", "trust this repository, else this folder: its agents may run")
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
  program.commandsGroup("Hand out work:");
  addSpawnCommands(program, bind);
  program.commandsGroup("Look:");
  addLookCommands(program, bind);
  program.commandsGroup("Steer:");
  addSteerCommands(program, bind);
  addApprovalCommands(program, bind);
  program.commandsGroup("For other programs, over stdin and stdout:");
  addProgramCommands(program);
  program.commandsGroup("The core behind it:");
  addCoreCommands(program, bind);
  program.helpCommand("help [command]", "explain a command");
  program.addHelpText("after", helpEnd);
  return program;
}

/** Where these are called as they have to be, `daemon/main.ts` starts them and nobody comes here. */
function addProgramCommands(program: Command): void {
  const programs = {
    agent: "be an agent of the Agent Client Protocol, for editors and other hosts",
    mcp: "be an MCP server with the sub-agent tools, for any other agent",
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
  id=$(offshoot spawn "npm test")               start it in the background
  offshoot wait --timeout 10m $id && echo good  wait for it in a script
  offshoot tree                                 watch everything that runs
  offshoot cancel 1f2e3d4c                      end a session and all below it

Exit codes:
${exitCodeTable.map(([code, meaning]) => `  ${String(code).padEnd(4)}${meaning}`).join("\n")}
`;

function failureOf(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  if (error instanceof CommanderError) {
    return new CommandFailure("usage", usageMessage(error), exitCodes.usage);
  }
  const message = messageOf(error);
  return new CommandFailure("internal", message, exitCodes.failed);
}

function usageMessage(error: CommanderError): string {
  const message = error.message.replace(/^error: /, "").replaceAll("\n", " ");
  if (error.code === "commander.help") return "no command was given";
  const hint =
    error.code === "commander.unknownOption"
      ? "; put -- before a text that has dashes in it"
      : "; `offshoot --help` says more";
  return message + hint;
}
