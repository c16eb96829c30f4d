/**
 * The command line: `offshoot --stdio` is a front, `offshoot core` a core, `offshoot agent` the
 * built-in agent, `offshoot mcp` the sub-agent tools, everything else the terminal client. Each is
 * imported only when it runs, because a front has to start fast.
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { messageOf } from "./base/errors.ts";
import { stateFolder } from "./base/stateFolder.ts";
import { VERSION } from "./base/version.ts";

const argv = process.argv.slice(2);
/** The script that starts a core: the one that runs now. */
const entry = resolve(process.argv[1] ?? "");

const { values, positionals } = parseArgs({
  args: argv,
  options: { stdio: { type: "boolean" }, "state-dir": { type: "string" } },
  strict: false,
  allowPositionals: true,
});
const stateDir = typeof values["state-dir"] === "string" ? values["state-dir"] : undefined;

void main();

async function main(): Promise<void> {
  if (values.stdio === true && positionals.length === 0) process.exit(await front());
  else if (positionals[0] === "core") await core();
  else if (isPlain("agent")) process.exit(await agent());
  else if (isPlain("mcp")) process.exitCode = await toolServer();
  else process.exitCode = await terminal();
}

/** Whether `command` has no option but a state folder; the terminal client handles all other calls. */
function isPlain(command: string): boolean {
  const { "state-dir": folder, ...others } = values;
  const isKnown = Object.keys(others).length === 0 && folder !== true;
  return isKnown && positionals.length === 1 && positionals[0] === command;
}

async function front(): Promise<number> {
  const { runFront } = await import("./front/front.ts");
  const { coreOf } = await import("./client/startCore.ts");
  return await runFront({
    ...coreOf(stateFolder(stateDir, process.env), entry),
    stdin: process.stdin,
    stdout: process.stdout,
    environment: process.env,
    warn: (sentence) => void process.stderr.write(`offshoot: ${sentence}\n`),
  });
}

async function core(): Promise<void> {
  process.title = "offshoot core";
  try {
    const { startCore } = await import("./core/core.ts");
    const { lockHeldExitCode } = await import("./wire/handshake.ts");
    const { userConfigFile } = await import("./config/configFile.ts");
    const started = await startCore({
      folder: stateFolder(stateDir, process.env),
      configFile: userConfigFile(process.env),
      environment: process.env,
      selfCommand: [process.execPath, ...process.execArgv, entry],
    });
    if (started === "lockHeld") process.exit(lockHeldExitCode);
    const { log } = started;
    process.on("unhandledRejection", (err) => log.error({ err }, "A rejection was not handled."));
    // After an error that was not caught, Node ends the core with exit code 1.
    process.on("uncaughtExceptionMonitor", (err) => log.error({ err }, "An error was not caught."));
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      process.on(signal, () => started.stop("interrupt"));
    }
    await started.stopped;
    process.exit(0);
  } catch (error) {
    process.stderr.write(`offshoot core: ${startFault(error)}\n`);
    process.exit(1);
  }
}

async function agent(): Promise<number> {
  const { runAgent } = await import("./agent/agent.ts");
  const { stdin, stdout, stderr, env: environment } = process;
  return await runAgent({ stdin, stdout, stderr, environment, version: VERSION });
}

async function toolServer(): Promise<number> {
  const { runToolServer } = await import("./mcp/toolServer.ts");
  const { joinCore } = await import("./client/join.ts");
  const { coreOf } = await import("./client/startCore.ts");
  const { surroundingRun } = await import("./client/surroundingRun.ts");
  const folder = stateFolder(stateDir, process.env);
  const run = surroundingRun(process.env, folder);
  const start = run === undefined ? "ifNeeded" : "never";
  return await runToolServer({
    stdin: process.stdin,
    stdout: process.stdout,
    environment: process.env,
    cwd: process.cwd(),
    run,
    connect: async () => (await joinCore({ ...coreOf(folder, entry), start })).socket,
  });
}

function startFault(error: unknown): string {
  const message = messageOf(error);
  // The loader's own message names neither the package nor a remedy.
  if (!/bindings file|node_sqlite3|ERR_DLOPEN_FAILED/.test(message)) return message;
  return `SQLite's native part is missing or does not fit: run "npm rebuild sqlite3" (${message})`;
}

async function terminal(): Promise<number> {
  // The error of a closed pipe may come after the command has removed its own listeners.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
  const world = {
    environment: process.env,
    cwd: process.cwd(),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    entry,
    now: () => Date.now(),
  };
  const { runTerminal } = await import("./terminal/commands.ts");
  return await runTerminal(argv, world);
}
