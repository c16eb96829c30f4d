// Prints what it was given, as one line of JSON: arguments, stdin, and the file that the first names.
import { readFileSync } from "node:fs";

const args = process.argv.slice(2);
const chosen = Object.entries(process.env).filter(([name]) => /^(OFFSHOOT_|TEST_)/.test(name));
let file = null;
try {
  file = readFileSync(args[0] ?? "", "utf8");
} catch {
  // Most often it names no file.
}
const stdin = readFileSync(0, "utf8");
console.log(
  JSON.stringify({ args, stdin, file, cwd: process.cwd(), env: Object.fromEntries(chosen) }),
);
