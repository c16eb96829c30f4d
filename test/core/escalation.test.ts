import { deepEqual, equal, ok } from "node:assert/strict";
import type { RunOutcome } from "../../daemon/sessions/endings.ts";
import type { RunContext } from "../../daemon/runners/runner.ts";
import type { TestParts } from "../support/inProcess.ts";
import { checkLeaks } from "../support/leaks.ts";
import { done, fails, network, supervised } from "../support/supervised.ts";
import { runError } from "../../daemon/base/errors.ts";

describe("a run that escalates", () => {
  checkLeaks();
  let parts: TestParts;
  let contexts: RunContext[];
  afterEach(() => parts.stop());

  async function supervise(...given: Parameters<typeof supervised>): Promise<void> {
    ({ parts, contexts } = await supervised(...given));
  }

  it("stays alive, tells whoever waits, and goes on with a message", async () => {
    await supervise([fails(), fails(), done("after all")], {
      profile: { restart: { policy: "escalate", max: 1, backoffMs: 1 } },
    });
    const { id } = await parts.spawn("try");
    const waiting = parts.requests.wait(
      { sessionIds: [id] },
      undefined,
      new AbortController().signal,
    );
    const answer = await waiting;
    deepEqual(answer, {
      completions: [],
      pending: [id],
      timedOut: false,
      escalated: [{ sessionId: id, error: network }],
    });
    const suspended = await parts.until(id, "suspended");
    deepEqual("waitingFor" in suspended && suspended.waitingFor, { kind: "input", ids: [] });
    equal(parts.scheduler.runningCount, 0, "it holds no slot");
    equal(await parts.requests.send({ sessionId: id, text: "try harder" }), "injected");
    const completion = await parts.completion(id);
    deepEqual([completion.status, completion.result], ["completed", "after all"]);
    equal(completion.attempt, 3);
    equal(contexts[2]?.prompt, "try\n\ntry harder");
    deepEqual(
      parts.words(id).filter((word) => word === "started" || word === "completed"),
      ["started", "completed"],
    );
  });

  it("takes a message that came while it worked for the answer to its failure", async () => {
    const held = Promise.withResolvers<RunOutcome>();
    await supervise([() => held.promise, done("read both")], {
      profile: { restart: { policy: "escalate" } },
    });
    const { id } = await parts.spawn("one");
    await parts.until(id, "running");
    equal(await parts.requests.send({ sessionId: id, text: "two" }), "queued");
    held.resolve(fails(runError("auth", "no key")));
    equal((await parts.completion(id)).result, "read both");
    equal(contexts[1]?.prompt, "one\n\ntwo");
  });

  it("can be cancelled while it waits for a message", async () => {
    await supervise([fails()], { profile: { restart: { policy: "escalate", max: 0 } } });
    const { id } = await parts.spawn("try");
    await parts.until(id, "suspended");
    await parts.requests.cancel(id, "given up", undefined);
    const completion = await parts.completion(id);
    deepEqual([completion.status, completion.reason], ["cancelled", "given up"]);
    const next = await parts.spawn("try");
    await parts.until(next.id, "suspended");
    ok(parts.events(next.id).some(({ type }) => type === "note"));
  });

  it("wakes a parent whose child needs a message", async () => {
    await supervise(
      [
        async (context) => {
          const child = await parts.spawn("child", { parentId: context.session.id });
          const { sessionId, runId } = { sessionId: context.session.id, runId: context.runId };
          const answer = await parts.requests.wait(
            { sessionIds: [child.id] },
            { sessionId, runId },
            context.signal,
          );
          return done(`escalated: ${answer.escalated?.length}`);
        },
        fails(),
      ],
      { profile: { restart: { policy: "escalate", max: 0 } } },
    );
    const { id } = await parts.spawn("parent");
    equal((await parts.completion(id)).result, "escalated: 1");
  });
});
