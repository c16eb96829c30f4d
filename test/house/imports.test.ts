/** The rules of the source hold, and planted faults are found. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkLeaks } from "../support/leaks.ts";
import { repository } from "../support/repository.ts";
import { faultsOf, importsOf } from "./sourceRules.ts";

describe("the source", () => {
  checkLeaks();

  it("keeps its rules", () => {
    const paths = globSync("{protocol,daemon,extension}/**/*.{ts,cjs,mjs,js}", { cwd: repository });
    const files = paths.map((path) => ({
      path: path.replaceAll("\\", "/"),
      text: readFileSync(join(repository, path), "utf8"),
    }));
    assert.ok(files.some(({ path }) => path === "protocol/messages.ts"));
    assert.deepEqual(faultsOf(files), []);
  });
});

describe("the rules of the source", () => {
  checkLeaks();

  const planted: [path: string, text: string, fault: string][] = [
    ["protocol/a.ts", 'import { join } from "node:path";', "protocol imports zod only"],
    ["protocol/a.ts", 'import type { Log } from "../daemon/log.ts";', "protocol imports zod only"],
    ["daemon/a.ts", 'export { b } from "../extension/b.ts";', "daemon never imports extension"],
    ["daemon/x/a.ts", 'await import("../../extension/b.ts");', "daemon never imports extension"],
    ["extension/a.ts", 'import "../daemon/main.ts";', "extension never imports daemon"],
    ["daemon/a.ts", 'import * as vscode from "vscode";', "only extension imports vscode"],
    [
      "daemon/core/core.ts",
      'import {\n  spawn,\n} from "node:child_process";',
      "only processes, runners, client, terminal, the built-in agent and the editor's doctor start processes",
    ],
    [
      "extension/a.ts",
      'const { exec } = require("child_process");',
      "only processes, runners, client, terminal, the built-in agent and the editor's doctor start processes",
    ],
    [
      "daemon/core/core.ts",
      'import { KeyvSqlite } from "@keyv/sqlite";',
      "only store knows the database",
    ],
    ["daemon/core/core.ts", "await import(`sqlite3`);", "only store knows the database"],
    ["daemon/core/core.ts", "process.exit(1);", "only main.ts and bin.cjs end the process"],
    ["daemon/core/core.ts", 'query("DELETE FROM keyv");', "only store contains SQL"],
    ["daemon/core/core.ts", "query(`SELECT key, value FROM keyv`);", "only store contains SQL"],
    ["daemon/core/core.ts", "export default 1;", "no default exports"],
    ["daemon/core/core.ts", "const a = 1;\nexport { a as default };", "no default exports"],
    ["daemon/index.ts", 'export * from "./core.ts";', "no barrels"],
    [
      "daemon/core/core.ts",
      'import { z } from "zod";',
      'zod is imported as `import * as z from "zod"`, which keeps bundles small',
    ],
    ["daemon/core/core.ts", "x();\n".repeat(401), "400 at most"],
  ];
  for (const [path, text, fault] of planted) {
    it(`find in ${path}: ${text.slice(0, 60).replaceAll("\n", " ")}`, () => {
      const faults = faultsOf([{ path, text }]);
      assert.equal(faults.length, 1, faults.join("\n"));
      assert.ok(faults[0]?.endsWith(fault), faults[0]);
    });
  }

  it("find nothing in what is allowed", () => {
    const allowed = [
      { path: "protocol/a.ts", text: 'import * as z from "zod";\nimport { b } from "./b.ts";' },
      { path: "daemon/runners/a.ts", text: 'import { spawn } from "node:child_process";' },
      {
        path: "daemon/store/a.ts",
        text: 'import sqlite3 from "sqlite3";\nrun("DELETE FROM keyv");',
      },
      { path: "daemon/agent/a.ts", text: 'import { a } from "../../protocol/events.ts";' },
      { path: "daemon/main.ts", text: "process.exit(0);" },
      { path: "extension/a.ts", text: 'import * as vscode from "vscode";' },
      {
        path: "daemon/a.ts",
        text: '// import "vscode"\n/* process.exit( */\nconst a = "//"; f(a);',
      },
    ];
    assert.deepEqual(faultsOf(allowed), []);
  });

  it("know every form of an import", () => {
    const code = [
      'import a from "p1";',
      'import a, { b as c } from "p2/sub";',
      'import type { T } from "@p3/x/y";',
      'import * as z from "node:fs";',
      'import "./q1.ts";',
      'export type { T } from "../q2.ts";',
      'const lazy = () => import("./q3.ts");',
      'const manifest = await import("../../package.json", { with: { type: "json" } });',
      'const old = require("p4");',
    ].join("\n");
    assert.deepEqual(
      importsOf("daemon/store/a.ts", code)
        .map(({ to }) => to)
        .toSorted(),
      [
        "@p3/x",
        "daemon/q2.ts",
        "daemon/store/q1.ts",
        "daemon/store/q3.ts",
        "node:fs",
        "p1",
        "p2",
        "p4",
        "package.json",
      ],
    );
    const types = importsOf(
      "daemon/a.ts",
      [
        'import { type T, U } from "p1";',
        'import { type T, type U } from "p2";',
        'export type { T } from "p3";',
      ].join("\n"),
    );
    assert.deepEqual(
      types.map(({ isType }) => isType),
      [false, true, true],
    );
  });
});
