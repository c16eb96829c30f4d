import { deepEqual, equal, ok } from "node:assert/strict";
import type { AgentEvent } from "../../../protocol/events.ts";
import type { Block } from "../../../extension/transcript/block.ts";
import { blocksOf } from "../../../extension/transcript/blocks.ts";
import type { SentMessage, ShownEvent } from "../../../extension/transcript/pageMessages.ts";

/** Events of one run, a second apart; a text stands for the name of another run from there on. */
function events(...list: (AgentEvent | string)[]): ShownEvent[] {
  let runId = "r";
  const shown: ShownEvent[] = [];
  for (const event of list) {
    if (typeof event === "string") runId = event;
    else shown.push({ seq: shown.length + 1, at: 1000 * (shown.length + 1), runId, event });
  }
  return shown;
}

const delta = (text: string): AgentEvent => ({ type: "message.delta", text });
const message = (text: string): AgentEvent => ({ type: "message", role: "assistant", text });
const thought = (text: string): AgentEvent => ({ type: "reasoning.delta", text });
const output = (text: string, stream: "stdout" | "stderr" = "stdout"): AgentEvent => ({
  ...{ type: "output", stream, text },
});
const started = (toolUseId: string): AgentEvent => ({
  ...{ type: "tool.started", toolUseId, name: "Bash", title: "ls", kind: "execute" },
  input: { command: "ls" },
});
const toolOutput = (toolUseId: string, text: string): AgentEvent => ({
  ...{ type: "tool.output", toolUseId, text },
});
const completed = (toolUseId: string, result: unknown = "done"): AgentEvent => ({
  ...{ type: "tool.completed", toolUseId, status: "completed", output: result },
});

/** A block in short: its kind, and what it says. */
function short(block: Block): string {
  switch (block.kind) {
    case "message":
    case "thought":
      return `${block.kind}: ${block.text}${block.isOpen ? " …" : ""}`;
    case "sent":
      return `sent: ${block.text}`;
    case "output":
      return `output: ${block.parts.map(({ stream, text }) => `${stream} ${text}`).join(" | ")}`;
    case "tool":
      return `tool ${block.title}: ${block.status}, ${block.output}, ${String(block.result)}`;
    case "plan":
      return `plan of ${block.entries.length}${block.isOld ? ", old" : ""}`;
    case "approval":
      return `approval ${block.approvalId}: ${block.state}`;
    case "child":
      return `child ${block.sessionId}: ${block.status}`;
    case "retry":
      return `retry ${block.attempt}: ${block.message}`;
    case "note":
      return `${block.level}: ${block.text}`;
    case "wait":
      return `wait for ${block.reason} until ${block.until}`;
    case "run":
      return `run ${block.runId}`;
  }
}

function check(list: readonly ShownEvent[], expected: string[], messages: SentMessage[] = []) {
  deepEqual(blocksOf({ events: list, messages, goesOn: true }).map(short), expected);
}

describe("the blocks of a transcript", () => {
  it("merges pieces into one message, which the whole text replaces", () => {
    check(events(delta("Read"), delta("ing")), ["message: Reading …"]);
    check(events(delta("Read"), delta("ing"), message("Reading it.")), ["message: Reading it."]);
    check(events(message("one"), message("two")), ["message: one", "message: two"]);
  });

  it("leaves pieces where they are, with thoughts between them", () => {
    const list = events(delta("a"), thought("hm"), delta("b"), message("ab"), delta("c"));
    check(list, ["message: a", "thought: hm", "message: b", "message: c …"]);
    check(list.slice(1), ["thought: hm", "message: ab", "message: c …"]);
    const other = events(delta("a"), thought("hm"), delta("b"), message("other"));
    check(other, ["message: other", "thought: hm"]);
  });

  it("upserts tool calls by their ids, in whatever order their parts come", () => {
    check(
      events(
        started("1"),
        started("2"),
        toolOutput("1", "x"),
        completed("2"),
        toolOutput("1", "y"),
      ),
      ["tool ls: running, xy, undefined", "tool ls: completed, , done"],
    );
    check(events(toolOutput("1", "late"), completed("1")), [
      "tool a tool call that began earlier: completed, late, done",
    ]);
    check(events(started("1"), completed("1"), started("1")), [
      "tool ls: completed, , done",
      "tool ls: running, , undefined",
    ]);
  });

  it("keeps the last part of a long output of a tool", () => {
    const long = "x".repeat(60_000);
    const [block] = blocksOf({
      events: events(started("1"), toolOutput("1", long), toolOutput("1", `${long}end`)),
      messages: [],
      goesOn: true,
    });
    ok(block?.kind === "tool" && block.isOutputCut);
    equal(block.output.length, 65_536);
    ok(block.output.endsWith("end"));
  });

  it("joins the output of a program, with both streams in their order", () => {
    check(events(output("a"), output("b\n"), output("bad\n", "stderr"), output("c\n")), [
      "output: stdout ab\n | stderr bad\n | stdout c\n",
    ]);
  });

  it("cuts output at the same places whatever is at hand, and never within a line", () => {
    const list = Array.from({ length: 600 }, (_, n) => output(n % 2 === 0 ? `${n}` : `:${n}\n`));
    const all = blocksOf({ events: events(...list), messages: [], goesOn: true });
    equal(all.length, 3);
    const texts = all.map((block) => (block.kind === "output" ? (block.parts[0]?.text ?? "") : ""));
    ok(texts.every((text) => text.endsWith("\n")));
    const later = blocksOf({ events: events(...list).slice(256), messages: [], goesOn: true });
    deepEqual(
      later.map(({ key }) => key),
      all.slice(1).map(({ key }) => key),
    );
  });

  it("shows one plan as the one that counts", () => {
    const plan: AgentEvent = { type: "plan", entries: [{ text: "do", status: "pending" }] };
    check(events(plan, message("m"), plan), ["plan of 1, old", "message: m", "plan of 1"]);
  });

  it("shows what was asked, and what became of it, in one place", () => {
    const asked = (state: string): AgentEvent => ({ type: "approval", approvalId: "7", state });
    check(events(asked("requested"), message("m"), asked("denyOnce")), [
      "approval 7: denyOnce",
      "message: m",
    ]);
  });

  it("shows children, waits, errors, notes and runs", () => {
    const child = (state: "queued" | "completed"): AgentEvent => ({
      ...{ type: "child", childSessionId: "c", state },
    });
    const error = { code: "network", message: "lost", retryable: true } as const;
    check(
      events(
        child("queued"),
        { type: "status", from: "running", to: "suspended", reason: "children" },
        child("completed"),
        { type: "status", from: "suspended", to: "running" },
        { type: "retry", attempt: 2, inMs: 1000, error },
        { type: "status", from: "running", to: "suspended", reason: "retry" },
        { type: "status", from: "suspended", to: "running" },
        { type: "note", level: "warning", text: "careful" },
        { type: "budget", limit: "maxTokens", used: 12, max: 10 },
        { type: "turn.completed", finishReason: "end_turn" },
        { type: "turn.completed", finishReason: "max_tokens" },
        "second",
        { type: "turn.started" },
      ),
      [
        "child c: completed",
        "wait for children until 4000",
        "retry 2: lost",
        "warning: careful",
        "warning: maxTokens: 12 of 10 is used up",
        "info: The turn ended: max_tokens",
        "run second",
      ],
    );
  });

  it("puts what people wrote before what came after it", () => {
    const sent = (n: number, at: number) => ({ n, at, text: `m${n}` });
    check(
      events(message("a"), message("b")),
      ["sent: m1", "message: a", "sent: m2", "message: b", "sent: m4"],
      [sent(1, 500), sent(2, 1500), sent(4, 9000)],
    );
  });

  it("does not wait for what a run never ended", () => {
    const list = events(started("1"), delta("a"), "second", started("1"), thought("hm"));
    const said = (goesOn: boolean) => blocksOf({ events: list, messages: [], goesOn }).map(short);
    const before = ["tool ls: lost, , undefined", "message: a", "run second"];
    deepEqual(said(true), [...before, "tool ls: running, , undefined", "thought: hm …"]);
    deepEqual(said(false), [...before, "tool ls: lost, , undefined", "thought: hm"]);
  });

  it("says which blocks have changed", () => {
    const list = events(delta("a"), started("1"), delta("b"), completed("1"));
    const revisions = (count: number) =>
      Object.fromEntries(
        blocksOf({ events: list.slice(0, count), messages: [], goesOn: true }).map((one) => [
          one.key,
          one.revision,
        ]),
      );
    deepEqual(revisions(2), { "message-1": 1, "tool-r/1": 2 });
    deepEqual(revisions(4), { "message-1": 3, "tool-r/1": 4 });
  });
});
