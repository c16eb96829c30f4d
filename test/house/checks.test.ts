/** The checks that a tool makes over the whole repository; each counts as a test. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkLeaks } from "../support/leaks.ts";
import { repository, runProgram } from "../support/repository.ts";
import { testFolder } from "../support/testFolder.ts";

describe("the checks", () => {
  checkLeaks();

  const checks: [what: string, program: string, ...args: string[]][] = [
    ["the types fit", "tsc", "--noEmit", "-p", "."],
    ["the types of the pages in the editor fit", "tsc", "--noEmit", "-p", "extension/pages"],
    ["the linter finds nothing", "oxlint", "--type-aware", "--deny-warnings"],
    ["everything is formatted", "prettier", "--check", "."],
    ["schema and reference of the protocol are up to date", "node", "scripts/schema.ts", "--check"],
  ];
  for (const [what, program, ...args] of checks) {
    it(what, async () => {
      const { exitCode, output } = await runProgram(program, args);
      if (exitCode !== 0) assert.fail(`${program} ${args.join(" ")}\n${output}`);
    });
  }
});

describe("the linter", () => {
  checkLeaks();

  const faults: [rule: string, source: string][] = [
    ["no-floating-promises", "async function f() {}\nf();\n"],
    [
      "switch-exhaustiveness-check",
      'export function f(x: "a" | "b") {\n  switch (x) {\n    case "a":\n      break;\n  }\n}\n',
    ],
    ["no-explicit-any", "export const x: any = 1;\n"],
    ["no-default-export", "export default 1;\n"],
    ["no-process-exit", "process.exit(1);\n"],
  ];

  let folder: string;
  before(() => {
    folder = mkdtempSync(join(testFolder, "lint-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  it("finds what it is there for", async () => {
    cpSync(join(repository, "tsconfig.json"), join(folder, "tsconfig.json"));
    for (const [rule, source] of faults) writeFileSync(join(folder, `${rule}.ts`), source);
    const config = join(repository, ".oxlintrc.json");
    const args = [
      "--type-aware",
      "--format=unix",
      "-c",
      config,
      "--tsconfig",
      "tsconfig.json",
      ".",
    ];
    const { output } = await runProgram("oxlint", args, folder);
    const missed = faults.filter(
      ([rule]) =>
        !output
          .split("\n")
          .some((line) => line.includes(`${rule}.ts`) && line.includes(`(${rule})`)),
    );
    assert.deepEqual(missed, [], output);
  });
});
