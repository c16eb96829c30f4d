// Stands for a core: starts one child with the mark that its arguments name and one without,
// prints both pids as JSON and waits to be killed.
import { spawn } from "node:child_process";

const [stateDir, runId] = process.argv.slice(2);
const start = (env) =>
  spawn("sleep", ["1000"], {
    detached: true,
    stdio: "ignore",
    env: { PATH: process.env.PATH, ...env },
  });
const marked = start({ OFFSHOOT_RUN: runId, OFFSHOOT_STATE_DIR: stateDir });
const recorded = start({});
console.log(JSON.stringify({ marked: marked.pid, recorded: recorded.pid }));
setInterval(() => {}, 1000);
