/** What the extension host loads: mocha, with the suites of this folder, and a report for outside. */
import { writeFileSync } from "node:fs";
import Mocha from "mocha";
import type { ToldTest } from "../../support/editor/inHost.ts";

/** Resolves also when a test has failed: the report says so. */
export async function run(): Promise<void> {
  const mocha = new Mocha({ ui: "bdd", timeout: 20_000, forbidOnly: true, reporter: "min" });
  // A suite declares its tests when it is loaded, with functions that are there from here on.
  mocha.suite.emit("pre-require", globalThis, "", mocha);
  await import("./activation.inhost.ts");
  await import("./life.inhost.ts");
  await import("./tools.inhost.ts");
  const told: ToldTest[] = [];
  await new Promise((resolve) => {
    mocha
      .run(resolve)
      .on("pass", (test) => told.push({ title: test.fullTitle() }))
      .on("fail", (test, { stack, message }: Error) =>
        told.push({ title: test.fullTitle(), fault: stack ?? message }),
      );
  });
  writeFileSync(String(process.env["OFFSHOOT_TEST_REPORT"]), JSON.stringify(told));
}
