// A small fork bomb: each shell leaves its session, starts the next one and waits for it, until
// there are as many as the argument says; whenever one is ended, its parent starts another.
import { spawn } from "node:child_process";

const depth = Number(process.argv[2] ?? 5);
const script = `trap '' TERM
if [ "$1" -gt 0 ]; then while :; do setsid -w /bin/sh -c "$0" "$0" $(($1 - 1)); done; else sleep 1000; fi`;
spawn("/bin/sh", ["-c", script, script, String(depth)], { stdio: "ignore" });
console.log("ready");
setInterval(() => {}, 1000);
