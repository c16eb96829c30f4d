/** The small extension of tests that stands beside ours, as a package; its source says what it does. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "../repository.ts";
import { testFolder } from "../testFolder.ts";
import type { Editor } from "./editor.ts";

/** Path of the package, made once for each run of the tests. */
export async function companionExtension(): Promise<string> {
  const path = join(testFolder, "homes", "companion.vsix");
  if (existsSync(path)) return path;
  const args = ["package", "--out", path, "--no-dependencies"];
  const { exitCode, output } = await runProgram(
    "vsce",
    [...args, "--allow-missing-repository", "--skip-license"],
    join(import.meta.dirname, "companion"),
  );
  if (exitCode !== 0) assert.fail(output);
  return path;
}

/** What its model was asked, or was told while it thought. */
export interface CompanionNote {
  /** The last message; the text of a tool's result where `isResult` is set. */
  asked?: string;
  isResult?: boolean;
  /** Names of the tools that it may call. */
  tools?: string[];
  cancelled?: boolean;
}

export function companionNotes({ environment }: Editor): CompanionNote[] {
  const path = join(String(environment["HOME"]), "companion.jsonl");
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line) as CompanionNote);
}
