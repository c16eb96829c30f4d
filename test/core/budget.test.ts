import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { RunOutcome } from "../../daemon/sessions/endings.ts";
import type { RunContext } from "../../daemon/runners/runner.ts";
import { openParts, type TestParts } from "../support/inProcess.ts";
import { checkLeaks } from "../support/leaks.ts";
import { refusal } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

/** No program can report what it used yet, so here the test is the runner. */
describe("budgets", () => {
  checkLeaks();
  let parts: TestParts;
  let acts: Record<string, (context: RunContext) => Promise<RunOutcome>>;
  before(async () => {
    parts = await openParts({
      run: (context) => acts[context.prompt]?.(context) ?? untilEnd(context),
    });
  });
  after(() => parts.stop());

  const done: RunOutcome = { status: "completed", result: "done" };

  function untilEnd({ signal }: RunContext): Promise<RunOutcome> {
    return new Promise((resolve) => {
      const end = () => resolve({ status: "aborted", result: "what was said so far" });
      if (signal.aborted) end();
      else signal.addEventListener("abort", end);
    });
  }

  function uses(more: Parameters<RunContext["addUsage"]>[0]) {
    return async (context: RunContext): Promise<RunOutcome> => {
      context.addUsage(more);
      if (more.turns !== undefined) context.emit({ type: "turn.started" });
      return context.signal.aborted ? await untilEnd(context) : done;
    };
  }

  it("count for the session and for every session above it", async () => {
    acts = {
      parent: uses({ turns: 1, costUsd: 0.25 }),
      child: uses({ turns: 2, inputTokens: 100, cachedInputTokens: 50, outputTokens: 10 }),
    };
    const parent = await parts.spawn("parent");
    await parts.completion(parent.id);
    const child = await parts.spawn("child", { parentId: parent.id });
    const completion = await parts.completion(child.id);
    equal(completion.usage.inputTokens, 100);
    const shown = [parent.rootId, parent.id, child.id].map((id) => parts.tree.show(id));
    deepEqual(
      shown.map(({ usage, treeUsage }) => [usage.turns, treeUsage.turns, treeUsage.outputTokens]),
      [
        [0, 3, 10],
        [1, 3, 10],
        [2, 2, 10],
      ],
    );
    deepEqual(
      parts.events(child.id).find(({ type }) => type === "usage"),
      { type: "usage", ...completion.usage },
    );
  });

  it("end the run that uses them up, with their code, and keep what was said", async () => {
    acts = { spend: uses({ inputTokens: 90, outputTokens: 20 }) };
    const { id } = await parts.spawn("spend", { title: "the spender", limits: { maxTokens: 100 } });
    const completion = await parts.completion(id);
    deepEqual(
      [completion.status, completion.error, completion.result],
      [
        "error",
        {
          code: "budget_exceeded",
          message: 'maxTokens of "the spender" is used up: 110 of 100',
          retryable: false,
        },
        "what was said so far",
      ],
    );
    deepEqual(
      parts.events(id).find(({ type }) => type === "budget"),
      { type: "budget", limit: "maxTokens", used: 110, max: 100 },
    );
  });

  for (const [limits, usage] of [
    [{ maxCostUsd: 1.5 }, { costUsd: 1.6 }],
    [{ maxToolCalls: 3 }, { toolCalls: 4 }],
  ] as const) {
    it(`of ${Object.keys(limits).join()} hold`, async () => {
      acts = { spend: uses(usage) };
      const { id } = await parts.spawn("spend", { limits });
      equal((await parts.completion(id)).error?.code, "budget_exceeded");
    });
  }

  it("of turns let the last turn be the end, and nothing follows it", async () => {
    acts = {
      last: async (context) => {
        context.addUsage({ turns: 2 });
        context.addUsage({ toolCalls: 1 });
        context.emit({ type: "message", role: "assistant", text: "done" });
        return context.signal.aborted ? await untilEnd(context) : done;
      },
    };
    const { id } = await parts.spawn("last", { limits: { maxTurns: 2 } });
    equal((await parts.completion(id)).status, "completed");
    equal(parts.events(id).filter(({ type }) => type === "budget").length, 1, "said once");
  });

  it("of money are said to hold nothing where nobody says what it costs, once", async () => {
    const turn = { turns: 1, inputTokens: 10, outputTokens: 1 };
    acts = {
      free: async (context) => {
        context.addUsage(turn);
        context.addUsage(turn);
        return done;
      },
    };
    const { id } = await parts.spawn("free", { limits: { maxCostUsd: 1 } });
    equal((await parts.completion(id)).status, "completed");
    const notes = parts.events(id).flatMap((event) => (event.type === "note" ? [event.text] : []));
    deepEqual(notes.length, 1);
    match(notes[0] ?? "", /maxCostUsd cannot be enforced/);
  });

  it("of tool calls let the last call be made", async () => {
    acts = {
      calls: async (context) => {
        for (let call = 0; call < 2; call += 1) context.addUsage({ toolCalls: 1 });
        context.emit({ type: "message", role: "assistant", text: "done" });
        return context.signal.aborted ? await untilEnd(context) : done;
      },
    };
    const { id } = await parts.spawn("calls", { limits: { maxToolCalls: 2 } });
    equal((await parts.completion(id)).status, "completed");
    equal(parts.events(id).filter(({ type }) => type === "budget").length, 1, "said once");
  });

  it("of turns have a code of their own, and 200 by default for each run", async () => {
    acts = { few: uses({ turns: 199 }), many: uses({ turns: 200 }) };
    const limited = await parts.spawn("few", { limits: { maxTurns: 199 } });
    equal((await parts.completion(limited.id)).error?.code, "max_turns");
    const few = await parts.spawn("few");
    equal((await parts.completion(few.id)).status, "completed");
    await parts.requests.send({ sessionId: few.id, text: "few" });
    equal((await parts.completion(few.id, 2)).status, "completed");
    const many = await parts.spawn("many");
    const { error } = await parts.completion(many.id);
    deepEqual(
      [error?.code, error?.message],
      ["max_turns", 'maxTurns of "many" is used up: 200 of 200'],
    );
  });

  it("of a parent are shared by all below it: when they are used up, all of it ends", async () => {
    acts = { spend: uses({ turns: 10 }) };
    const parent = await parts.spawn("wait", { limits: { maxTurns: 10 } });
    const sibling = await parts.spawn("wait", { parentId: parent.id });
    const outside = await parts.spawn("wait");
    for (const { id } of [parent, sibling, outside]) await parts.until(id, "running");
    const spender = await parts.spawn("spend", { parentId: parent.id });
    for (const { id } of [spender, sibling, parent]) {
      equal((await parts.completion(id)).error?.code, "max_turns", id);
    }
    equal(parts.tree.get(outside.id).session.status, "running");
    await parts.requests.cancel(outside.id, undefined, undefined);
    await parts.completion(outside.id);
  });

  it("of a child are cut to what its parent has left, and nothing is left of nothing", async () => {
    acts = { some: uses({ turns: 4, costUsd: 1 }), rest: uses({ turns: 6 }) };
    const parent = await parts.spawn("some", { limits: { maxTurns: 10, maxCostUsd: 3 } });
    await parts.completion(parent.id);
    const child = await parts.spawn("rest", { parentId: parent.id, limits: { maxTurns: 50 } });
    deepEqual(child.limits, { maxTurns: 6, maxCostUsd: 2 });
    equal((await parts.completion(child.id)).error?.code, "max_turns");
    const refused = await refusal(parts.spawn("rest", { parentId: parent.id }));
    deepEqual(
      [refused.code, refused.data],
      [1004, { kind: "limitExceeded", limit: "maxTurns", max: 10, current: 10 }],
    );
  });

  it("of turns count the turns that have begun, so that those below do not begin one too many", async () => {
    const begun: string[] = [];
    acts = {
      turn: async (context) => {
        if (!context.beginTurn()) return await untilEnd(context);
        begun.push(context.session.id);
        await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        return { status: "aborted" };
      },
    };
    const parent = await parts.spawn("turn", { autoRun: false, limits: { maxTurns: 3 } });
    const below = () => parts.spawn("turn", { parentId: parent.id });
    const children = [await below(), await below(), await below(), await below()];
    await waitFor(() => begun.length === 3, "three turns");
    const last = children.find(({ id }) => !begun.includes(id))?.id ?? "";
    const { error } = await parts.completion(last);
    deepEqual(
      [error?.code, error?.message],
      ["max_turns", 'maxTurns of "turn" is used up: 3 of 3'],
    );
    const [first] = begun;
    await parts.requests.cancel(first ?? "", undefined, undefined);
    await parts.completion(first ?? "");
    await below();
    await waitFor(() => begun.length === 4, "the turn of which nothing came to be free again");
    await parts.requests.cancel(parent.id, undefined, undefined);
    for (const id of begun) await parts.completion(id);
  });

  it("that are used up let nothing start that was queued before", async () => {
    let began = 0;
    acts = {
      spend: uses({ turns: 10 }),
      late: async () => {
        began += 1;
        return done;
      },
    };
    const parent = await parts.spawn("nothing", { autoRun: false, limits: { maxTurns: 10 } });
    const late = await parts.spawn("late", { parentId: parent.id, autoRun: false });
    await parts.completion((await parts.spawn("spend", { parentId: parent.id })).id);
    await parts.requests.run(late.id);
    const completion = await parts.completion(late.id);
    equal(completion.error?.code, "max_turns");
    equal(began, 0);
    ok(parts.words(late.id).includes("started"));
  });
});
