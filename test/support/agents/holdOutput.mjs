// Ends at once, and leaves a child behind that keeps its stdout open and prints to it.
import { spawn } from "node:child_process";

spawn("/bin/sh", ["-c", "while :; do echo background; sleep 0.01; done"], {
  stdio: ["ignore", "inherit", "inherit"],
}).unref();
console.log("the program itself");
