import { deepEqual, equal, notEqual } from "node:assert/strict";
import {
  noHistory,
  withEvents,
  withSession,
  type SessionHistory,
} from "../../../extension/timeline/history.ts";
import { inTreeOrder, laneOf, timelineOf } from "../../../extension/timeline/lanes.ts";
import { changedLane, changeOf } from "../../../extension/timeline/messages.ts";
import { cutInto } from "../../../extension/timeline/runSpans.ts";
import type { AgentEvent, StoredEvent } from "../../../protocol/events.ts";
import { noUsage, type Session } from "../../../protocol/session.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { sessionIn } from "../../unit/sessionIn.ts";

/** Ids of version 7 begin with the time at which they were made. */
function idAt(at: number, n = 1): string {
  const hex = at.toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${String(n).padStart(12, "0")}`;
}

const runId = idAt(1_000);
const begun = { runId, createdAt: 1_000, startedAt: 1_500, attempt: 1 };
const error = { code: "network", message: "reset", retryable: true } as const;

function stored(events: readonly [number, AgentEvent, string?][], after = 0): StoredEvent[] {
  return events.map(([at, event, run = runId], place) => ({
    seq: after + place + 1,
    at,
    runId: run,
    event,
  }));
}

function spansOf(session: Session, history?: SessionHistory): unknown[] {
  return laneOf(session, history).spans.map(({ kind, from, to, torn }) =>
    torn === undefined ? [kind, from, to] : [kind, from, to, torn],
  );
}

const status = (from: Session["status"], to: Session["status"], reason?: string): AgentEvent => ({
  type: "status",
  from,
  to,
  ...(reason !== undefined && { reason }),
});

describe("the lanes of the timeline", () => {
  checkLeaks();

  it("shows from the header alone when it was queued, ran and ended", () => {
    const lane = laneOf(sessionIn("completed", { ...begun, endedAt: 9_000 }));
    deepEqual(lane.spans, [
      { kind: "queued", from: 1_000, to: 1_500, run: 1 },
      { kind: "running", from: 1_500, to: 9_000, run: 1 },
    ]);
    deepEqual(
      lane.ends.map(({ at, status: how }) => [at, how]),
      [[9_000, "completed"]],
    );
    equal(lane.read, "nothing");
  });

  it("leaves open what goes on, and has nothing for what was never queued", () => {
    deepEqual(spansOf(sessionIn("created")), []);
    const queued = { runId, createdAt: 1_000, queuedAt: 1_000 };
    deepEqual(spansOf(sessionIn("queued", queued)), [["queued", 1_000, undefined]]);
    deepEqual(spansOf(sessionIn("paused", { ...queued, pausedAt: 1_200 })), [
      ["queued", 1_000, 1_200],
      ["paused", 1_200, undefined],
    ]);
    const stalls = { ...begun, stalled: true, lastProgressAt: 4_000 };
    deepEqual(spansOf(sessionIn("running", stalls)).slice(1), [
      ["running", 1_500, 4_000],
      ["stalled", 4_000, undefined],
    ]);
  });

  it("ends what was cancelled in the queue without a run", () => {
    const ended = { runId, createdAt: 1_000, endedAt: 3_000, startedAt: undefined };
    const lane = laneOf(sessionIn("cancelled", ended));
    deepEqual(lane.spans, [{ kind: "queued", from: 1_000, to: 3_000, run: 1 }]);
    equal(lane.ends[0]?.status, "cancelled");
  });

  it("cuts waits and retries out of the run; people come before children", () => {
    const events = stored([
      [2_000, status("running", "suspended", "children")],
      [3_000, { type: "approval", approvalId: "1", state: "requested" }],
      [3_200, { type: "approval", approvalId: "2", state: "requested" }],
      [3_400, { type: "approval", approvalId: "1", state: "allowOnce" }],
      [4_000, { type: "approval", approvalId: "2", state: "denyOnce" }],
      [5_000, status("suspended", "running")],
      [6_000, { type: "retry", attempt: 2, inMs: 500, error }],
    ]);
    const session = sessionIn("completed", { ...begun, endedAt: 9_000 });
    deepEqual(spansOf(session, withEvents(noHistory, events)).slice(1), [
      ["running", 1_500, 2_000],
      ["children", 2_000, 3_000],
      ["approval", 3_000, 4_000],
      ["children", 4_000, 5_000],
      ["running", 5_000, 6_000],
      ["retry", 6_000, 6_500],
      ["running", 6_500, 9_000],
    ]);
  });

  it("shows the wait for another attempt as that, up to when the attempt began", () => {
    const events = stored([
      [2_000, { type: "retry", attempt: 2, inMs: 500, error }],
      [2_000, status("running", "suspended", "retry")],
      [2_700, status("suspended", "running")],
    ]);
    const session = sessionIn("completed", { ...begun, endedAt: 9_000 });
    deepEqual(spansOf(session, withEvents(noHistory, events)).slice(1), [
      ["running", 1_500, 2_000],
      ["retry", 2_000, 2_700],
      ["running", 2_700, 9_000],
    ]);
  });

  it("reads states from events where they are stored, and knows each of several runs then", () => {
    const second = idAt(20_000);
    const events = stored([
      [1_500, status("queued", "running")],
      [4_000, status("running", "error", "no more")],
      [21_000, status("queued", "running"), second],
    ]);
    const now = { runId: second, createdAt: 1_000, startedAt: 21_000, stalled: false };
    const lane = laneOf(sessionIn("running", now), withEvents(noHistory, events));
    deepEqual(
      lane.spans.map(({ kind, from, to, run, torn }) => [kind, from, to, run, torn]),
      [
        ["queued", 1_000, 1_500, 1, undefined],
        ["running", 1_500, 4_000, 1, undefined],
        ["queued", 20_000, 21_000, 2, undefined],
        ["running", 21_000, undefined, 2, undefined],
      ],
    );
    deepEqual(
      lane.ends.map(({ status: how, why }) => [how, why]),
      [["error", "no more"]],
    );
  });

  it("says where times of an earlier run are not known, and what each run spent", () => {
    const second = idAt(20_000);
    const usage = (inputTokens: number, costUsd: number): AgentEvent => ({
      ...noUsage,
      type: "usage",
      inputTokens,
      costUsd,
    });
    const events = stored([
      [1_600, { type: "turn.started" }],
      [2_600, usage(100, 1)],
      [22_000, usage(150, 3), second],
    ]);
    const last = { runId: second, createdAt: 1_000, startedAt: 21_000, endedAt: 23_000 };
    const lane = laneOf(sessionIn("completed", last), withEvents(noHistory, events));
    deepEqual(lane.spans.slice(0, 2), [
      { kind: "queued", from: 1_000, to: 1_600, torn: "end", run: 1 },
      { kind: "running", from: 1_600, to: 2_600, torn: "both", run: 1 },
    ]);
    deepEqual(
      lane.ends.map(({ status: how, spent }) => [how, spent.tokens, spent.costUsd]),
      [
        [undefined, 100, 1],
        ["completed", 50, 2],
      ],
    );
  });

  it("keeps what was seen of a pause and of an earlier run when the header knows it no more", () => {
    const headers = [
      sessionIn("queued", { runId, createdAt: 1_000, queuedAt: 1_000 }),
      sessionIn("paused", { runId, queuedAt: 1_000, pausedAt: 2_000 }),
      sessionIn("queued", { runId, queuedAt: 3_000 }),
      sessionIn("running", { ...begun, startedAt: 3_500 }),
      sessionIn("completed", { ...begun, startedAt: 3_500, endedAt: 4_000 }),
      sessionIn("queued", { runId: idAt(8_000), queuedAt: 8_000 }),
    ];
    const history = headers.reduce(withSession, noHistory);
    const last = headers.at(-1);
    deepEqual(last && spansOf(last, history), [
      ["queued", 1_000, 2_000],
      ["paused", 2_000, 3_000],
      ["queued", 3_000, 3_500],
      ["running", 3_500, 4_000],
      ["queued", 8_000, undefined],
    ]);
  });

  it("keeps apart what a run did before its core died, and what it waits for since", () => {
    const events = stored([[2_000, { type: "turn.started" }]]);
    const before = withSession(noHistory, sessionIn("running", { ...begun, stalled: false }));
    const history = withEvents(before, events);
    const again = sessionIn("queued", { runId, attempt: 2, queuedAt: 7_000 });
    deepEqual(spansOf(again, withSession(history, again)), [
      ["queued", 1_000, 1_500],
      ["running", 1_500, 2_000, "both"],
      ["queued", 2_000, undefined],
    ]);
    const resumed = sessionIn("running", { ...begun, startedAt: 8_000, stalled: false });
    deepEqual(spansOf(resumed, withSession(withSession(history, again), resumed)), [
      ["queued", 1_000, 1_500],
      ["running", 1_500, 2_000, "both"],
      ["queued", 2_000, 8_000],
      ["running", 8_000, undefined],
    ]);
  });

  it("does not say that a run went on when nobody knows: its core had died", () => {
    const died = { ...begun, endedAt: 90_000, reason: "host_restart" };
    const session = sessionIn("interrupted", died);
    deepEqual(spansOf(session).slice(1), [["unknown", 1_500, 90_000]]);
    const events = stored([[2_000, status("running", "suspended", "children")]]);
    deepEqual(spansOf(session, withEvents(noHistory, events)).slice(1), [
      ["running", 1_500, 2_000],
      ["unknown", 2_000, 90_000],
    ]);
    const beats = { ...begun, stalled: false, lastHeartbeatAt: 5_000 };
    const seen = withSession(noHistory, sessionIn("running", beats));
    deepEqual(spansOf(session, seen).slice(1), [
      ["running", 1_500, 5_000],
      ["unknown", 5_000, 90_000],
    ]);
  });

  it("shows tool calls to their end, or to that of the run", () => {
    const call = (toolUseId: string): AgentEvent => ({
      type: "tool.started",
      toolUseId,
      name: "Bash",
      title: "rm\n -r x",
      input: {},
      kind: "execute",
    });
    const done: AgentEvent = {
      type: "tool.completed",
      toolUseId: "a",
      status: "failed",
      output: "",
    };
    const events = stored([
      [2_000, call("a")],
      [2_500, call("b")],
      [3_000, done],
    ]);
    const session = sessionIn("completed", { ...begun, endedAt: 9_000 });
    deepEqual(laneOf(session, withEvents(noHistory, events)).tools, [
      { title: "Bash: rm -r x", from: 2_000, to: 3_000, status: "failed" },
      { title: "Bash: rm -r x", from: 2_500, to: 9_000 },
    ]);
  });

  it("reads every event once, whatever comes twice, and never changes what it handed out", () => {
    const events = stored([[2_000, { type: "retry", attempt: 2, inMs: 10, error }]]);
    const once = withEvents(noHistory, events);
    const copy = structuredClone(once);
    const twice = withEvents(
      withEvents(once, events),
      stored([[3_000, { type: "turn.started" }]], 1),
    );
    equal(twice.runs[0]?.retries.length, 1);
    equal(twice.readUpTo, 2);
    deepEqual(once, copy);
  });

  it("keeps the sides of what it cuts", () => {
    const whole = { kind: "running", from: 0, to: 10, torn: "both", run: 1 } as const;
    const cuts = [
      { kind: "approval", from: -5, to: 2 },
      { kind: "approval", from: 4, to: 6 },
      { kind: "approval", from: 5, to: 5.5 },
    ] as const;
    deepEqual(
      cutInto([whole], "running", cuts).map(({ kind, from, to, torn }) => [kind, from, to, torn]),
      [
        ["approval", 0, 2, "start"],
        ["running", 2, 4, undefined],
        ["approval", 4, 6, undefined],
        ["running", 6, 10, "end"],
      ],
    );
  });

  it("puts lanes in the order of the tree, also where a parent is missing", () => {
    const child = (id: string, parentId: string, depth: number) =>
      sessionIn("created", { id, parentId, depth });
    const root = sessionIn("created", { id: "root", kind: "root", parentId: null, depth: 0 });
    const sessions = [
      child("d", "a", 2),
      child("b", "root", 1),
      root,
      child("a", "root", 1),
      child("e", "gone", 3),
    ];
    deepEqual(
      inTreeOrder(sessions).map(({ id }) => id),
      ["a", "d", "b", "e"],
    );
    deepEqual(
      timelineOf(sessions, () => undefined).lanes.map(({ depth, hasChildren }) => [
        depth,
        hasChildren,
      ]),
      [
        [0, true],
        [1, false],
        [0, false],
        [2, false],
      ],
    );
  });

  it("tells of a lane what has changed, and of its tool calls the newest", () => {
    const session = sessionIn("running", { ...begun, stalled: false });
    const tool = (from: number) => ({ title: "Read", from, to: from + 1 });
    const before = { ...laneOf(session), tools: [tool(1), tool(2)] };
    equal(changeOf(before, structuredClone(before)), undefined);
    const after = { ...before, word: "stalled", tools: [tool(1), tool(2), tool(3)] };
    const change = changeOf(before, after);
    deepEqual([change?.word, change?.toolsFrom, change?.tools], ["stalled", 2, [tool(3)]]);
    deepEqual(change && changedLane(before, change), after);
    const forgot = { ...after, tools: [] };
    const fewer = changeOf(after, forgot);
    deepEqual(fewer && changedLane(after, fewer), forgot);
    const { why: _gone, ...failed } = { ...after, why: "no" };
    const whole = changeOf({ ...after, why: "no" }, failed);
    deepEqual(whole && changedLane({ ...after, why: "no" }, whole), failed);
    notEqual(whole, undefined);
  });
});
