/** Runs the bundled `offshoot doctor` on the editor's own Node, like the front. */
import { execFile } from "node:child_process";
import type { DoctorCheck } from "./documentTexts.ts";

const longestMs = 20_000;

/** The checks, one for each line of the output, or why there are none. Never rejects. */
export function askDoctor(
  front: string,
  args: readonly string[],
  cwd: string | undefined,
): Promise<DoctorCheck[] | { failed: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, ELECTRON_RUN_AS_NODE: "1" };
    const options = { env, cwd, timeout: longestMs };
    execFile(
      process.execPath,
      [front, "doctor", "--json", ...args],
      options,
      (error, stdout, stderr) => {
        const checks = stdout.split("\n").flatMap(checkOf);
        // The exit code is not 0 when a check has failed.
        if (checks.length > 0) return resolve(checks);
        resolve({ failed: stderr.trim() || error?.message || "it wrote nothing" });
      },
    );
  });
}

function checkOf(line: string): DoctorCheck[] {
  if (!line.startsWith("{")) return [];
  try {
    const { state, name, text, remedy } = JSON.parse(line) as Record<string, unknown>;
    const facts = { state: String(state), name: String(name), text: String(text) };
    return [typeof remedy === "string" ? { ...facts, remedy } : facts];
  } catch {
    return [];
  }
}
