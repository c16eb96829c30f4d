/** What the suites of the terminal share: a daemon for each test, and commands as a person calls them. */
import assert from "node:assert/strict";
import { offshoot, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";

export interface TerminalSuite {
  /** The one of the test that runs. */
  readonly daemon: TestDaemon;
  call(...args: string[]): ReturnType<typeof offshoot>;
  /** The one JSON value that a command prints. */
  json<Value>(...args: string[]): Promise<Value>;
  /** Spawns, and answers the id. */
  spawn(...args: string[]): Promise<string>;
}

/** Call it inside `describe`. */
export function terminalSuite(): TerminalSuite {
  checkLeaks();
  let daemon: TestDaemon;
  beforeEach(() => {
    daemon = startDaemon();
  });
  afterEach(() => daemon.stop());
  const call: TerminalSuite["call"] = (...args) => offshoot(args, daemon.environment, daemon.work);
  return {
    get daemon() {
      return daemon;
    },
    call,
    async json<Value>(...args: string[]) {
      const { stdout } = await call("--json", ...args);
      assert.equal(stdout.trim().split("\n").length, 1, stdout);
      return JSON.parse(stdout) as Value;
    },
    async spawn(...args) {
      const { code, stdout, stderr } = await call("spawn", ...args);
      assert.equal(code, 0, stderr);
      return stdout.trim();
    },
  };
}
