/** What a person types for a spawn, and the documents that commands open. */
import { deepEqual, equal, ok } from "node:assert/strict";
import {
  costTableText,
  diagnosisText,
  eventsText,
  resultText,
} from "../../../extension/commands/documentTexts.ts";
import { parseLimits } from "../../../extension/commands/limitsText.ts";
import {
  composePrompt,
  withPrompt,
  type SpawnAbout,
} from "../../../extension/commands/spawnPrompt.ts";
import { viewState, type ViewFacts } from "../../../extension/tree/viewState.ts";
import { defaultOptions } from "../../../extension/tree/treeOptions.ts";
import { noUsage } from "../../../protocol/session.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { ended, live, now, session } from "../../terminal/sessionFixtures.ts";

describe("limits as they are typed", () => {
  checkLeaks();

  it("are understood", () => {
    const limits = (text: string) => {
      const parsed = parseLimits(text);
      return "limits" in parsed ? parsed.limits : parsed.fault;
    };
    deepEqual(limits("$0.50, 10m, 20 turns, 50k tokens, 30 tools, 3 children"), {
      ...{ maxCostUsd: 0.5, timeoutMs: 600_000, maxTurns: 20 },
      ...{ maxTokens: 50_000, maxToolCalls: 30, maxChildren: 3 },
    });
    deepEqual(limits(" 1.5 h ; 1.2M TOKENS "), { timeoutMs: 5_400_000, maxTokens: 1_200_000 });
    deepEqual(
      [limits("90 seconds"), limits("1 turn"), limits("2$")],
      [{ timeoutMs: 90_000 }, { maxTurns: 1 }, { maxCostUsd: 2 }],
    );
    deepEqual(limits(""), {});
  });

  it("are refused with the part that is not understood", () => {
    for (const text of ["much", "$", "10", "0m", "-3 turns", "5 apples"]) {
      const parsed = parseLimits(`20 turns, ${text}`);
      ok("fault" in parsed && parsed.fault.startsWith(`“${text}”`), text);
    }
  });
});

describe("the prompt of a spawn", () => {
  checkLeaks();

  const selection: SpawnAbout = {
    ...{ kind: "selection", path: "src/a.ts", firstLine: 3, lastLine: 5 },
    ...{ language: "typescript", text: "a ```b``` c" },
  };
  const files: SpawnAbout = { kind: "files", paths: ["src/a.ts", "it's.md"] };
  const agent = { takesCommands: false };
  const shell = { takesCommands: true };

  it("says what it is about, in a form that an agent reads", () => {
    equal(composePrompt("Fix", { kind: "nothing" }, agent), "Fix");
    equal(
      composePrompt("Fix", selection, agent),
      "Fix\n\nsrc/a.ts, lines 3 to 5:\n\n````typescript\na ```b``` c\n````",
    );
    equal(composePrompt("", selection, agent), "a ```b``` c");
    equal(composePrompt("Fix", files, agent), "Fix\n\nFiles:\n- src/a.ts\n- it's.md");
  });

  it("is a command for a shell, with the files as its words", () => {
    equal(composePrompt("", selection, shell), "a ```b``` c");
    equal(composePrompt("wc -l", files, shell), String.raw`wc -l src/a.ts 'it'\''s.md'`);
  });

  it("is remembered once, the newest first", () => {
    deepEqual(withPrompt(["b", "a"], "a"), ["a", "b"]);
    equal(
      withPrompt(
        Array.from({ length: 60 }, (_, n) => `${n}`),
        "new",
      ).length,
      50,
    );
    deepEqual(withPrompt(["a"], ""), ["a"]);
  });
});

describe("the documents that commands open", () => {
  checkLeaks();

  it("show a result, or why there is none", () => {
    equal(
      resultText(session("a", { status: "running", ...live })),
      "It is running: there is no result yet.",
    );
    equal(resultText(session("a", { status: "completed", ...ended, result: "42" })), "42");
    const error = {
      code: "exit_nonzero" as const,
      message: "exited with code 3",
      retryable: false,
    };
    const failed = session("a", { status: "error", ...ended, error, result: "so far" });
    equal(resultText(failed), "exit_nonzero: exited with code 3\n\nso far");
    equal(
      resultText(session("a", { status: "skipped", ...ended })),
      "It ended skipped, without a result.",
    );
  });

  it("show events one by one, and say what is left out", () => {
    const event = { type: "output", stream: "stdout", text: "x".repeat(5_000) } as const;
    const events = [
      { seq: 12, at: 0, runId: "r", event: { type: "turn.started" } as const },
      { seq: 13, at: 1_000, runId: "r", event },
    ];
    const lines = eventsText(session("a", {}), events).split("\n");
    deepEqual(lines.slice(0, 4), [
      "Events of “task a” (a)",
      "The first 11 are left out.",
      "",
      "    12 1970-01-01T00:00:00.000Z turn.started",
    ]);
    ok((lines[4]?.length ?? 0) < 2_100);
  });

  it("show what each session of a tree used, and the sum", () => {
    const usage = { ...noUsage, inputTokens: 12_000, costUsd: 0.5, turns: 2 };
    const top = session("a", { status: "completed", ...ended, usage, treeUsage: usage });
    const child = session("b", { depth: 2, agent: "claude", status: "running", ...live });
    deepEqual(costTableText(top, [top, child], now).split("\n"), [
      "What “task a” and all below it used",
      "",
      "Sub-agent  Agent    Cost   Input  Cached  Output  Turns  Tools  Time",
      "-".repeat(68),
      "task a     shell   $0.50  12,000       –       –      2      –    1s",
      "  task b   claude      –       –       –       –      –      –    3s",
      "-".repeat(68),
      "In all             $0.50  12,000       –       –      2      –",
      "",
    ]);
  });

  it("show a diagnosis, also where nobody answers", () => {
    const facts = { versions: { editor: "1.101" }, status: undefined, agents: [], faults: [] };
    const checks = [{ state: "fail", name: "sqlite", text: "does not load", remedy: "rebuild" }];
    equal(
      diagnosisText({ ...facts, connection: "gone: it died", checks }),
      [
        ...["Offshoot", "  editor: 1.101", "", "Connection", "  gone: it died", ""],
        ...["Checks", "  FAIL  sqlite: does not load", "        → rebuild", ""],
        ...["Daemon", "  does not answer", ""],
      ].join("\n"),
    );
    ok(
      diagnosisText({ ...facts, connection: "", checks: { failed: "no Node" } }).includes(
        "no Node",
      ),
    );
  });
});

describe("what the view says besides its rows", () => {
  checkLeaks();

  const facts: ViewFacts = {
    connection: { kind: "connected" },
    ...{ isUpToDate: true, isTrusted: true, unhealthy: undefined, options: defaultOptions },
    ...{ hasFolders: true, rowCount: 0, foundCount: 0, needing: 0 },
    counts: { inScope: 0, outside: 0 },
  };
  const welcomeOf = (changes: Partial<ViewFacts>) => viewState({ ...facts, ...changes }).welcome;

  it("is a welcome that fits, where there are no rows", () => {
    const filtered = { ...defaultOptions, text: "x" };
    deepEqual(
      [
        welcomeOf({}),
        welcomeOf({ isUpToDate: false }),
        welcomeOf({ isTrusted: false, isUpToDate: false }),
        welcomeOf({ connection: { kind: "gone", why: "" }, isTrusted: false }),
        welcomeOf({ counts: { inScope: 0, outside: 2 } }),
        welcomeOf({ counts: { inScope: 3, outside: 2 }, options: filtered }),
        welcomeOf({ rowCount: 1 }),
      ],
      ["empty", "connecting", "untrusted", "gone", "elsewhere", "filtered", "none"],
    );
  });

  it("is what matters most above the rows, and nothing where all is well", () => {
    const messageOf = (changes: Partial<ViewFacts>) =>
      viewState({ ...facts, rowCount: 3, ...changes }).message;
    equal(messageOf({}), "");
    equal(messageOf({ unhealthy: "The disk is full." }), "The disk is full.");
    ok(messageOf({ connection: { kind: "lost", why: "" } }).includes("Trying again"));
    ok(messageOf({ isTrusted: false }).includes("not trusted"));
    const options = { ...defaultOptions, text: "lint", states: ["failed", "live"] as const };
    equal(
      messageOf({ options, foundCount: 2, counts: { inScope: 9, outside: 0 } }),
      "2 of 9 sub-agents: “lint”, failed, timed out or interrupted or running or waiting",
    );
  });

  it("counts those that need the person", () => {
    deepEqual(viewState({ ...facts, needing: 1 }).badge, {
      value: 1,
      tooltip: "1 sub-agent needs you",
    });
    equal(viewState({ ...facts, needing: 2 }).badge?.tooltip, "2 sub-agents need you");
    equal(viewState(facts).badge, undefined);
  });
});
