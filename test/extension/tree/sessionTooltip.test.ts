import { equal, ok } from "node:assert/strict";
import { sessionTooltip } from "../../../extension/tree/sessionTooltip.ts";
import { finalCodes, noUsage, retryableCodes } from "../../../protocol/session.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { ended, live, now, session } from "../../terminal/sessionFixtures.ts";

const facts = { now, prompt: undefined, hasChildren: false };

describe("a tooltip of the tree", () => {
  checkLeaks();

  it("has prompt, model, use, what is left, and how lively it is", () => {
    const usage = { ...noUsage, inputTokens: 9_000, outputTokens: 1_000, costUsd: 0.2, turns: 3 };
    const text = sessionTooltip(
      session("a", {
        status: "running",
        ...live,
        startedAt: now - 60_000,
        lastProgressAt: now - 4_000,
        model: "claude-x",
        usage,
        treeUsage: { ...usage, costUsd: 0.5 },
        limits: { maxCostUsd: 2, maxTokens: 50_000, timeoutMs: 600_000, maxTurns: 1 },
      }),
      { now, prompt: "Fix it.\n```js\n1\n```", hasChildren: true },
    );
    ok(text.includes("````text\nFix it.\n```js\n1\n```\n````"));
    ok(text.includes(String.raw`| agent | shell, claude\-x |`));
    ok(text.includes(String.raw`| alive | 0s ago |`));
    ok(text.includes(String.raw`| last progress | 4s ago |`));
    ok(text.includes(String.raw`| used | 9k in, 1k out, \$0\.20, 3 turns |`));
    ok(text.includes(String.raw`| with all below | 9k in, 1k out, \$0\.50, 3 turns |`));
    ok(text.includes(String.raw`| left | \$1\.50, 40k tokens, 0 turns, 9m 00s |`));
  });

  it("says what to do, for every error that there is", () => {
    for (const code of [...retryableCodes, ...finalCodes]) {
      const error = { code, message: "it broke", retryable: false };
      const text = sessionTooltip(session("a", { status: "error", ...ended, error }), facts);
      const [trouble, advice = ""] = text.split("\n\n").slice(-2);
      equal(trouble, `**${code.replaceAll("_", String.raw`\_`)}** it broke`);
      ok(advice.length > 10, code);
    }
    const waitingFor = { kind: "approval" as const, ids: [] };
    const waiting = session("a", { status: "suspended", ...live, waitingFor });
    ok(sessionTooltip(waiting, facts).endsWith(String.raw`answer it under “Waiting for You”\.`));
  });

  it("makes no Markdown of an agent's text", () => {
    const evil = "[x](command:evil) ![i](https://e/x.png) <b> $(bug) | a\n# b";
    const error = { code: "internal" as const, message: evil, retryable: false };
    const text = sessionTooltip(
      session("a", { status: "error", ...ended, title: evil, cwd: evil, error }),
      { ...facts, prompt: `${"`".repeat(5)}\n${evil}` },
    );
    const outside = text.replace(/`{6}text\n[\s\S]*?\n`{6}/, "");
    equal(/\]\(|<b>|!\[|[^\\]\$\(|https:|^#/m.test(outside), false);
    equal(text.includes("``````text"), true);
  });
});
