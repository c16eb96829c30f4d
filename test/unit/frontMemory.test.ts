import { deepEqual } from "node:assert/strict";
import { ClientMemory } from "../../daemon/front/clientMemory.ts";
import { parseMessage } from "../../daemon/front/messages.ts";

const body = (message: object) => Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message }));

describe("what a client receives of the next core's snapshot", () => {
  const session = (id: string, runId: string, status: string, lastSeq: number) => ({
    ...{ id, parentId: "root", runId, attempt: 1, status, lastSeq },
  });
  const event = (childSessionId: string, runId: string, seq: number) =>
    body({
      method: "subAgent/event",
      params: { parentSessionId: "root", childSessionId, runId, seq, event: { type: "output" } },
    });

  function subscribed(events: "all" | "lifecycle") {
    const memory = new ClientMemory({});
    memory.noteClientFrame(body({ id: 1, method: "tree/subscribe", params: { events } }));
    const sessions = [session("a", "1", "running", 3), session("old", "0", "completed", 9)];
    memory.noteCoreFrame(body({ id: 1, result: { sessions, completionSeq: 0 } }));
    const b = session("b", "2", "running", 0);
    memory.noteCoreFrame(body({ method: "subAgent/started", params: { session: b } }));
    for (const seq of [1, 2]) memory.noteCoreFrame(event("b", "2", seq));
    return memory;
  }
  const next = {
    result: {
      sessions: [
        session("a", "1", "interrupted", 5),
        session("b", "2", "interrupted", 2),
        session("c", "3", "running", 1),
        session("old", "0", "completed", 9),
        { id: "root", parentId: null, status: "created", lastSeq: 0 },
      ],
    },
  };
  const namesIn = (texts: string[]) =>
    texts.map((text) => {
      const { method, params } = parseMessage(Buffer.from(text)) ?? {};
      const { sessionId, from, to, childSessionId, session: whole } = params as never;
      return [method, sessionId ?? childSessionId ?? (whole as { id: string }).id, from, to].filter(
        (one) => one !== undefined,
      );
    });

  it("names the events that it missed, and the runs that began without it", () => {
    const memory = subscribed("all");
    deepEqual(namesIn(memory.changesIn(next)), [
      ["subAgent/gap", "a", 4, 5],
      ["session/changed", "a"],
      ["session/changed", "b"],
      ["subAgent/started", "c"],
      ["session/changed", "c"],
      ["session/changed", "old"],
      ["session/changed", "root"],
    ]);
    deepEqual(namesIn(memory.changesIn(next)), [
      ["session/changed", "a"],
      ["session/changed", "b"],
      ["session/changed", "c"],
      ["session/changed", "old"],
      ["session/changed", "root"],
    ]);
  });

  it("goes on from the last event that was stored, since what was not may be lost", () => {
    const memory = subscribed("all");
    memory.noteClientFrame(
      body({ id: 2, method: "session/subscribe", params: { sessionId: "b" } }),
    );
    memory.noteCoreFrame(body({ id: 2, result: { lastSeq: 2 } }));
    const names = { parentSessionId: "root", childSessionId: "b", runId: "2" };
    const happened = { event: { type: "output" } };
    for (const params of [
      { ...names, seq: 3, ...happened },
      { ...names, seq: 4, stored: false, ...happened },
      { seq: 5, stored: false, ...names, ...happened },
    ]) {
      memory.noteCoreFrame(body({ method: "subAgent/event", params }));
    }
    const bySession = { method: "session/subscribe", params: { sessionId: "b", after: 3 } };
    deepEqual(memory.standingRequests()[1], bySession);
    const later = { result: { sessions: [session("b", "2", "running", 4)] } };
    deepEqual(namesIn(memory.changesIn(later))[0], ["subAgent/gap", "b", 4, 4]);
  });

  it("takes a run that waits again, or whose predecessor ends late, for the one that it was", () => {
    const memory = subscribed("all");
    const waiting = { result: { sessions: [session("b", "2", "queued", 2)] } };
    deepEqual(namesIn(memory.changesIn(waiting)), [["session/changed", "b"]]);
    const late = { childSessionId: "b", runId: "of before", completionSeq: 1, stored: true };
    memory.noteCoreFrame(body({ method: "subAgent/completed", params: late }));
    const again = { result: { sessions: [session("b", "2", "running", 2)] } };
    deepEqual(namesIn(memory.changesIn(again)), [["session/changed", "b"]]);
  });

  it("names no events where it wants none, and no run whose completion it received", () => {
    const memory = subscribed("lifecycle");
    const completed = { childSessionId: "a", runId: "1", completionSeq: 1, stored: true };
    memory.noteCoreFrame(body({ method: "subAgent/completed", params: completed }));
    deepEqual(namesIn(memory.changesIn(next)), [
      ["session/changed", "a"],
      ["session/changed", "b"],
      ["subAgent/started", "c"],
      ["session/changed", "c"],
      ["session/changed", "old"],
      ["session/changed", "root"],
    ]);
  });
});
