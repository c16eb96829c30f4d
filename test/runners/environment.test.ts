import assert from "node:assert/strict";
import { delimiter } from "node:path";
import { runEnvironment } from "../../daemon/processes/environment.ts";
import { checkLeaks } from "../support/leaks.ts";

const marks = { runId: "r1", sessionId: "s1", stateDir: "/state" };
const given = { OFFSHOOT_RUN: "r1", OFFSHOOT_SESSION: "s1", OFFSHOOT_STATE_DIR: "/state" };

describe("the environment of a run", () => {
  checkLeaks();

  it("is what the list allows, the marks, and the way to offshoot", () => {
    const base = {
      PATH: `/usr/bin${delimiter}/bin`,
      HOME: "/home/someone",
      LC_ALL: "C",
      XDG_RUNTIME_DIR: "/run",
      https_proxy: "http://proxy",
      LCX: "no",
      OPENAI_API_KEY: "secret",
      LD_PRELOAD: "no",
      NODE_OPTIONS: "no",
      OFFSHOOT_RUN: "an outer run",
      OFFSHOOT_OTHER: "no",
    };
    assert.deepEqual(runEnvironment({ base, ...marks, binDir: "/state/bin" }), {
      ...given,
      PATH: ["/usr/bin", "/bin", "/state/bin"].join(delimiter),
      HOME: "/home/someone",
      LC_ALL: "C",
      XDG_RUNTIME_DIR: "/run",
      https_proxy: "http://proxy",
    });
  });

  it("has a PATH also where there is none", () => {
    const environment = runEnvironment({ base: {}, ...marks, binDir: "/state/bin" });
    assert.deepEqual(environment, { ...given, PATH: "/state/bin" });
  });
});
