import { deepEqual, equal, throws } from "node:assert/strict";
import { isOpen, sessionMoves, transition, type Move } from "../../daemon/sessions/transition.ts";
import { Session, sessionStatuses, type SessionStatus } from "../../protocol/session.ts";
import { sessionIn } from "./sessionIn.ts";

const moves: Record<Move["type"], Move> = {
  enqueue: { type: "enqueue", runId: "next" },
  start: { type: "start" },
  restart: { type: "restart", attempt: 2 },
  suspend: { type: "suspend", waitingFor: { kind: "input", ids: [] } },
  wake: { type: "wake" },
  stall: { type: "stall", stalled: "stalled" },
  pause: { type: "pause" },
  resume: { type: "resume" },
  requeue: { type: "requeue" },
  end: { type: "end", status: "completed", result: "done" },
  stored: { type: "stored" },
  update: { type: "update", fields: { title: "other" } },
};

describe("transition", () => {
  for (const [type, move] of Object.entries(moves) as [Move["type"], Move][]) {
    const { from, to } = sessionMoves[type];
    for (const status of sessionStatuses) {
      const next = move.type === "end" ? move.status : to === "same" ? status : to;
      if (!(from as readonly SessionStatus[]).includes(status)) {
        it(`refuses ${type} while ${status}`, () => {
          throws(() => transition(sessionIn(status), move, 100), {
            code: 1003,
            data: { kind: "invalidState", status },
          });
        });
      } else {
        it(`${type} leads from ${status} to ${String(next)}, one version on`, () => {
          const before = sessionIn(status);
          const frozen = structuredClone(before);
          const after = transition(before, move, 100);
          equal(after.status, next);
          equal(after.version, 8);
          equal(after.updatedAt, 100);
          deepEqual(before, frozen, "the session itself is left alone");
          // A field that makes no sense in the new state is not there.
          deepEqual(Session.parse(after), after);
        });
      }
    }
  }

  it("has a way from the first state to every other one, and an end for every open run", () => {
    const reached = new Set<SessionStatus>(["created"]);
    for (let size = 0; size < reached.size;) {
      size = reached.size;
      for (const { from, to } of Object.values(sessionMoves)) {
        if (to === "same" || !from.some((status) => reached.has(status))) continue;
        for (const status of [to].flat()) reached.add(status);
      }
    }
    deepEqual([...reached].sort(), [...sessionStatuses].sort());
    deepEqual(
      sessionMoves.end.from,
      sessionStatuses.filter((status) => isOpen(sessionIn(status))),
    );
  });

  it("gives a new run its own id and attempt 1, whatever the last one had", () => {
    const before = { ...sessionIn("error"), attempt: 4 } as Session;
    const { runId, attempt } = transition(before, moves.enqueue, 100) as { runId: string } & {
      attempt: number;
    };
    deepEqual({ runId, attempt }, { runId: "next", attempt: 1 });
  });

  it("keeps run and start over restart, suspension and waking", () => {
    for (const path of [["restart"], ["suspend", "wake"], ["suspend", "suspend", "wake"]]) {
      let session = sessionIn("running");
      for (const type of path) session = transition(session, moves[type as Move["type"]], 100);
      equal("startedAt" in session && session.startedAt, 10);
      equal("runId" in session && session.runId, "run");
    }
  });

  it("says since when it is suspended, also when it comes to wait for something else", () => {
    const first = transition(sessionIn("running"), moves.suspend, 100);
    const other: Move = { type: "suspend", waitingFor: { kind: "children", ids: ["a"] } };
    const second = transition(first, other, 200);
    equal("suspendedAt" in second && second.suspendedAt, 100);
    deepEqual("waitingFor" in second && second.waitingFor, { kind: "children", ids: ["a"] });
    equal("stalled" in second && second.stalled, false);
  });

  it("counts an attempt more when a run is queued again after the core died", () => {
    const again = transition(sessionIn("suspended"), moves.requeue, 100);
    equal("attempt" in again && again.attempt, 2);
    equal("runId" in again && again.runId, "run");
  });

  it("leaves out the start of a run that never started", () => {
    const ended = transition(sessionIn("queued"), moves.end, 100);
    equal("startedAt" in ended, false);
    equal("endedAt" in ended && ended.endedAt, 100);
  });

  it("calls open what is queued, held or under way", () => {
    const open = sessionStatuses.filter((status) => isOpen(sessionIn(status)));
    deepEqual(open, ["queued", "running", "suspended", "paused"]);
  });
});
