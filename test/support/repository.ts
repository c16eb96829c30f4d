/** This repository, as the tests of the house look at it. */
import { execFile } from "node:child_process";
import { join } from "node:path";

/** Absolute path of the repository's root. */
export const repository = join(import.meta.dirname, "..", "..");

export interface Ended {
  /** `undefined` where a signal ended it. */
  exitCode: number | undefined;
  /** stdout, then stderr. */
  output: string;
}

/** Runs a program to its end. A development tool goes by its name in node_modules/.bin. */
export function runProgram(program: string, args: string[], cwd = repository): Promise<Ended> {
  const path = `${join(repository, "node_modules", ".bin")}:${process.env["PATH"] ?? ""}`;
  const { FORCE_COLOR: _ignored, ...inherited } = process.env;
  const env = { ...inherited, NO_COLOR: "1", PATH: path };
  const options = { cwd, env, maxBuffer: 64 * 1024 * 1024 };
  return new Promise((resolve) => {
    const child = execFile(program, args, options, (_error, stdout, stderr) =>
      resolve({ exitCode: child.exitCode ?? undefined, output: stdout + stderr }),
    );
    child.stdin?.end();
  });
}
