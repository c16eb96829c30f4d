/** The commands about the core: `status`, `prune`, `stop`, `doctor` and `demo`. */
import type { Command } from "commander";
import type { DaemonStatus } from "../../protocol/daemon.ts";
import { runDemo } from "./demo.ts";
import { exitCodes, unreachableFailure, usageFailure } from "../client/failures.ts";
import {
  withStoredSessions,
  withRunningCore,
  type Bind,
  type CommonOptions,
  type Invocation,
} from "./invocation.ts";
import { duration, size } from "./optionParsers.ts";
import type { Output } from "./output.ts";
import { present } from "../client/present.ts";
import { cleanLine, formatBytes, formatDuration } from "../client/values.ts";

interface PruneOptions extends CommonOptions {
  readonly olderThan?: number;
  readonly size?: number;
}

/** A core that stops in order ends within ten seconds. */
const stopTimeoutMs = 15_000;

export function addCoreCommands(program: Command, bind: Bind): void {
  program
    .command("status")
    .description("show the state of the core; starts none")
    .action(bind(status));
  program
    .command("prune")
    .description("remove trees that have ended, by age or by size of the store")
    .option("--older-than <time>", "trees that ended longer ago than this, such as 30d", duration)
    .option(
      "--size <size>",
      "the oldest trees, until the store is no larger than this, such as 500MB",
      size,
    )
    .action(bind(prune));
  program
    .command("stop")
    .description("stop the core in order; live runs are interrupted")
    .option("--cancel", "cancel live runs instead, so that none is resumed later")
    .action(bind(stop));
  program
    .command("doctor")
    .description(
      "check everything that Offshoot needs, with a remedy for each fault; changes nothing",
    )
    .action(bind(doctor));
  program
    .command("demo")
    .description("show a tree of real sub-agents that work on this folder")
    .action(bind(runDemo));
}

async function status(invocation: Invocation): Promise<number> {
  const { output, folder, terminal } = invocation;
  const answer = await withRunningCore(invocation, (client) => client.call("daemon/status", {}));
  if (answer === undefined) {
    throw unreachableFailure(
      `no core is running for ${folder.dir}; one starts with the first \`offshoot run\` or \`offshoot spawn\``,
    );
  }
  output.value(answer);
  for (const line of statusLines(answer, output, terminal.now())) output.line(line);
  return exitCodes.ok;
}

function statusLines(answer: DaemonStatus, { paint }: Output, now: number): string[] {
  const { limits } = answer;
  const healthy = answer.health === "ok";
  const row = (name: string, text: string) => `${paint("dim", name.padEnd(9))} ${text}`;
  return [
    row(
      "core",
      `${answer.version}, process ${answer.pid}, up ${formatDuration(now - answer.startedAt)}, ${formatBytes(answer.rssBytes)} of memory`,
    ),
    row(
      "health",
      paint(healthy ? "green" : "red", answer.health) +
        (answer.message ? ` – ${cleanLine(answer.message)}` : ""),
    ),
    row(
      "runs",
      `${answer.running} running, ${answer.suspended} suspended, ${answer.queued} queued; at most ${limits.concurrency.total} at once, ${limits.concurrency.perRoot} per root`,
    ),
    row("sessions", `${answer.sessions} in ${answer.storeFile}, ${formatBytes(answer.storeBytes)}`),
    row("clients", String(answer.clients)),
    row("log", answer.logFile),
  ];
}

async function prune(invocation: Invocation, _given: [], options: PruneOptions): Promise<number> {
  const { output } = invocation;
  const { olderThan, size: maxBytes } = options;
  if (olderThan === undefined && maxBytes === undefined) {
    throw usageFailure("name what to remove: --older-than 30d, --size 500MB, or both");
  }
  const answer = await withStoredSessions(invocation, (client) =>
    client.call("daemon/prune", present({ maxAgeMs: olderThan, maxBytes })),
  );
  const { deleted, storeBytes } = answer ?? { deleted: 0, storeBytes: 0 };
  output.value({ deleted, storeBytes });
  const sessions = deleted === 1 ? "session" : "sessions";
  output.line(`removed ${deleted} ${sessions}; the store has ${formatBytes(storeBytes)}`);
  return exitCodes.ok;
}

async function stop(
  invocation: Invocation,
  _given: [],
  options: CommonOptions & { cancel?: boolean },
): Promise<number> {
  const { folder, output } = invocation;
  const stopped = await withRunningCore(invocation, async (client) => {
    await client.call("daemon/stop", options.cancel === true ? { runs: "cancel" } : {});
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(() => late.reject(new Error("late")), stopTimeoutMs);
    try {
      await Promise.race([client.ended, late.promise]);
    } catch {
      throw unreachableFailure(
        `the core still runs after ${formatDuration(stopTimeoutMs)}; its log is ${folder.logFile}`,
      );
    } finally {
      clearTimeout(timer);
    }
    return true;
  });
  output.value({ stopped: stopped === true });
  output.line(stopped === true ? "The core has stopped." : `No core is running for ${folder.dir}.`);
  return exitCodes.ok;
}

const styles = { ok: "green", info: "dim", warn: "yellow", fail: "red" } as const;

async function doctor(invocation: Invocation): Promise<number> {
  const { output } = invocation;
  // Loaded here, because the checks import more than most commands need.
  const { doctorChecks } = await import("./doctor.ts");
  let failed = false;
  for await (const check of doctorChecks(invocation)) {
    failed ||= check.state === "fail";
    output.value(check);
    output.line(
      `${output.paint(styles[check.state], check.state.padEnd(4))}  ${check.name.padEnd(13)} ${check.text}`,
    );
    if (check.remedy !== undefined) output.line(`      ${" ".repeat(13)} → ${check.remedy}`);
  }
  return failed ? exitCodes.failed : exitCodes.ok;
}
