// Starts processes that get away in every known way, prints their pids as JSON, and then goes on
// (or ends at once, with the argument "end"). All of them ignore TERM.
import { spawn } from "node:child_process";

const sleeper = "trap '' TERM; echo $$; while :; do sleep 1000; done";

/** Starts a shell and answers with the pid that it prints. */
function sleep(command, args, options) {
  const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "ignore"] });
  return new Promise((tell) => child.stdout.once("data", (pid) => tell(Number(pid))));
}

const shell = process.env.SHELL_FOR_TEST ?? "/bin/sh";
const bare = { env: {} };
const pids = {
  sameGroup: await sleep(shell, ["-c", sleeper]),
  otherSession: await sleep("setsid", [shell, "-c", sleeper]),
  // Forked twice: its parent has ended, so that it belongs to nobody, in a session of its own.
  daemon: await sleep(shell, [
    "-c",
    `setsid ${shell} -c "${sleeper.replaceAll("$", "\\$")}" & exit`,
  ]),
  // Without the mark, but still our child, in another session.
  bareChild: await sleep(shell, ["-c", sleeper], { ...bare, detached: true }),
  // Without the mark and without a parent, but still in our group.
  bareOrphan: await sleep(
    shell,
    ["-c", `/bin/sh -c "${sleeper.replaceAll("$", "\\$")}" & exit`],
    bare,
  ),
};
console.log(JSON.stringify(pids));
if (process.argv[2] === "end") process.exit(0);
setInterval(() => {}, 1000);
