import { deepEqual, equal, ok } from "node:assert/strict";
import type { RunOutcome } from "../../daemon/sessions/endings.ts";
import type { RunContext } from "../../daemon/runners/runner.ts";
import type { Session } from "../../protocol/session.ts";
import { openParts, type TestParts } from "../support/inProcess.ts";
import { checkLeaks } from "../support/leaks.ts";
import { refusal } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";
import { runError } from "../../daemon/base/errors.ts";

/** Sub-agents that an outside agent starts by itself. */
describe("an adopted child", () => {
  checkLeaks();
  let parts: TestParts;
  let act: (context: RunContext) => RunOutcome | Promise<RunOutcome>;
  before(async () => {
    parts = await openParts({
      run: async (context) => await act(context),
      settings: (settings) => ({ ...settings, concurrency: { total: 1, perRoot: 1 } }),
    });
  });
  after(() => parts.stop());

  const done = (result = "done"): RunOutcome => ({ status: "completed", result });
  const task = (toolUseId: string, more: { parentToolUseId?: string } = {}) => ({
    toolUseId,
    title: `title of ${toolUseId}`,
    prompt: `prompt of ${toolUseId}`,
    ...more,
  });

  /** Those that clients were notified of. */
  function childrenOf(sessionId: string): Session[] {
    const { tree } = parts;
    const ids = [...tree.childrenOf(sessionId)].filter((id) => tree.peek(id) !== undefined);
    return ids.map((id) => tree.show(id));
  }

  it("is shown as a child session with its own words, takes no slot, and ends with its tool call", async () => {
    act = async (context) => {
      const child = context.adopt(task("a"));
      child.emit({ type: "message.delta", text: "hello" });
      child.addUsage({ turns: 2 });
      child.end(done("found it"));
      child.emit({ type: "message.delta", text: "too late" });
      return done();
    };
    const { id } = await parts.spawn("x");
    const parent = await parts.completion(id);
    const [child] = childrenOf(id);
    ok(child);
    deepEqual(
      [child.title, child.adopted, child.toolUseId, child.depth, child.status],
      ["title of a", true, "a", 2, "completed"],
    );
    deepEqual(parts.words(child.id), ["started", "message.delta", "usage", "completed"]);
    const completion = await parts.completion(child.id);
    equal(completion.result, "found it");
    ok(completion.completionSeq < parent.completionSeq);
    deepEqual([child.usage.turns, parts.tree.show(id).treeUsage.turns], [2, 2]);
    const messages = await parts.store.messages(child.id, 0, 10);
    deepEqual(
      messages.map(({ role, text }) => [role, text]),
      [
        ["user", "prompt of a"],
        ["assistant", "found it"],
      ],
    );
    const stored = (await parts.store.loadHeaders()).sessions.map(({ session }) => session.id);
    ok(stored.includes(child.id), "it is persisted like any other");
  });

  it("is made once per tool call", async () => {
    act = async (context) => {
      const [one, same] = [context.adopt(task("a")), context.adopt(task("a"))];
      one.emit({ type: "message.delta", text: "one" });
      same.emit({ type: "message.delta", text: "same" });
      same.end(done());
      one.end({ status: "error", error: runError("internal", "never") });
      return done();
    };
    const { id } = await parts.spawn("x");
    await parts.completion(id);
    const [child, ...others] = childrenOf(id);
    deepEqual(others, []);
    deepEqual(parts.words(child?.id ?? ""), [
      "started",
      "message.delta",
      "message.delta",
      "completed",
    ]);
    equal(child?.status, "completed");
  });

  it("hangs below the tool call that started it, at any depth, and an unknown one is the run's own", async () => {
    act = async (context) => {
      context.adopt(task("a"));
      context.adopt(task("b", { parentToolUseId: "a" }));
      context.adopt(task("c", { parentToolUseId: "b" }));
      context.adopt(task("d", { parentToolUseId: "never heard of" }));
      return done();
    };
    const { id } = await parts.spawn("x");
    await parts.completion(id);
    const below = (parent: string): object =>
      Object.fromEntries(childrenOf(parent).map((child) => [child.toolUseId, below(child.id)]));
    deepEqual(below(id), { a: { b: { c: {} } }, d: {} });
  });

  it("ends as an error where its tool call does, and otherwise with its parent, before it", async () => {
    act = async (context) => {
      context.adopt(task("failed")).end({
        status: "error",
        error: runError("internal", "the tool failed"),
      });
      context.adopt(task("left open"));
      return done();
    };
    const { id } = await parts.spawn("x");
    const parent = await parts.completion(id);
    const children = childrenOf(id);
    deepEqual(
      children.map(({ status }) => status),
      ["error", "cancelled"],
    );
    for (const child of children) {
      ok((await parts.completion(child.id)).completionSeq < parent.completionSeq);
    }
  });

  it("ends with its parent when that is cancelled, once, and cannot be ended by itself", async () => {
    act = (context) => {
      context.adopt(task("a"));
      return new Promise((resolve) =>
        context.signal.addEventListener("abort", () => resolve({ status: "aborted" })),
      );
    };
    const { id } = await parts.spawn("x");
    const { id: childId } = await waitFor(() => childrenOf(id)[0], "the child");
    const refused = await Promise.all(
      [
        async () => parts.requests.cancel(childId, undefined, undefined),
        () => parts.requests.send({ sessionId: childId, text: "hello" }),
        () => parts.requests.run(childId),
        () => parts.requests.endForDeletion([childId], async () => undefined),
      ].map(async (ask) => (await refusal(ask())).code),
    );
    deepEqual(refused, [1003, 1003, 1003, 1003]);
    equal(parts.tree.get(childId).session.status, "running", "its agent goes on");
    await parts.requests.cancel(id, undefined, undefined);
    equal((await parts.completion(id)).error?.message, "Cancelled by user");
    equal((await parts.completion(childId)).error?.message, "Cancelled by parent");
    deepEqual(parts.words(childId), ["started", "completed"]);
  });

  it("may be deleted with its parent while both are live", async () => {
    act = (context) => {
      const child = context.adopt(task("a"));
      return new Promise((resolve) =>
        context.signal.addEventListener("abort", () => {
          child.emit({ type: "message.delta", text: "last words" });
          resolve({ status: "aborted" });
        }),
      );
    };
    const { id } = await parts.spawn("x");
    const child = await waitFor(() => childrenOf(id)[0], "the child");
    const all = [child.id, id];
    await parts.requests.endForDeletion(all, (ids) => parts.tree.remove(ids));
    equal((await parts.completion(id)).error?.message, "Child session deleted while running");
    equal((await parts.completion(child.id)).status, "cancelled");
    deepEqual(parts.of("session/removed"), [{ sessionIds: all }]);
  });

  it("is deleted with its parent also when it was announced meanwhile", async () => {
    act = (context) =>
      new Promise((resolve) =>
        context.signal.addEventListener("abort", () => {
          context.adopt(task("late"));
          resolve({ status: "aborted" });
        }),
      );
    const { id } = await parts.spawn("x");
    await parts.until(id, "running");
    await parts.requests.endForDeletion([id], (ids) => parts.tree.remove(ids));
    const [late] = parts
      .of("subAgent/started")
      .filter(({ parentSessionId }) => parentSessionId === id);
    deepEqual(parts.of("session/removed").at(-1), { sessionIds: [late?.childSessionId, id] });
    const { sessions } = await parts.store.loadHeaders();
    ok(!sessions.some(({ session }) => session.parentId === id));
  });
});
