/** Short scripts that once broke a rule, as the test of random scripts printed them. */
import { checkLeaks } from "../support/leaks.ts";
import { runScript } from "./script.ts";
import type { Step } from "./steps.ts";

const check = (name: string, script: readonly Step[]) => it(name, () => runScript(script));

describe("scripts that once broke a rule", () => {
  checkLeaks();

  check("two spawns below a new root are refused at once", [
    { on: "disk", do: "break", atOnce: true },
    { do: "spawn", agent: "plain", manner: "obeys", atOnce: true },
    { do: "spawn", agent: "plain", manner: "obeys" },
  ]);

  check("a start is refused that a spawn below it has followed", [
    { on: "disk", do: "hold" },
    { do: "spawn", agent: "plain", manner: "obeys" },
    { on: "disk", do: "letThrough", statements: 1 },
    { on: "disk", do: "break" },
    { do: "spawn", agent: "plain", manner: "obeys", below: 0, atOnce: true },
    { on: "disk", do: "letThrough", statements: 6 },
  ]);

  check("a start is refused that a cancel has followed", [
    { on: "disk", do: "hold" },
    { do: "spawn", agent: "plain", manner: "obeys" },
    { on: "disk", do: "letThrough", statements: 1 },
    { on: "disk", do: "letThrough", statements: 1 },
    { do: "cancel", session: 0 },
    { on: "disk", do: "break" },
    { on: "disk", do: "letThrough", statements: 6 },
  ]);

  check("a run's wait is given up while its suspension is being stored", [
    { do: "spawn", agent: "plain", manner: "obeys" },
    { do: "spawn", agent: "plain", manner: "obeys", below: 0, autoRun: false },
    { on: "disk", do: "hold" },
    { do: "waitInside", by: 0, sessions: [0], until: "all" },
    { do: "giveUpWait", wait: 0 },
  ]);

  check("a message is refused, and the start of the run that has followed it", [
    { do: "spawn", agent: "plain", manner: "obeys", atOnce: true },
    { on: "disk", do: "hold" },
    { on: "disk", do: "letThrough", statements: 1 },
    { on: "disk", do: "break" },
    { do: "send", session: 0 },
    { on: "disk", do: "release" },
  ]);

  check("an agent that was given up announces a sub-agent", [
    { do: "spawn", agent: "plain", manner: "ignores" },
    { on: "clock", do: "advance", ms: 2_000_000 },
    { do: "adopt", by: 0, tool: 0 },
  ]);

  check("a run is paused and resumed before it is stored as queued", [
    { do: "spawn", agent: "plain", manner: "obeys", autoRun: false },
    { do: "run", session: 0, atOnce: true },
    { do: "pause", session: 0, atOnce: true },
    { do: "resume", session: 0 },
  ]);

  check("runs above each other announce sub-agents by the same id of a tool call", [
    { do: "spawn", agent: "plain", manner: "obeys" },
    { do: "spawn", agent: "plain", manner: "obeys", below: 0 },
    { do: "adopt", by: 1, tool: 0, parent: 0 },
    { do: "adopt", by: 0, tool: 0, parent: 0 },
  ]);
});
