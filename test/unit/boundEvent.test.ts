import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { boundEvent } from "../../daemon/sessions/eventSize.ts";
import { maxEventBytes, type AgentEvent } from "../../protocol/events.ts";

const bytesOf = (event: AgentEvent) => Buffer.byteLength(JSON.stringify(event));
const toolOutput = (text: string): AgentEvent => ({ type: "tool.output", toolUseId: "t", text });

describe("a bounded event", () => {
  it("is left as it is up to 256 KiB", () => {
    const overhead = bytesOf(toolOutput(""));
    const largest = toolOutput("x".repeat(maxEventBytes - overhead));
    equal(bytesOf(largest), maxEventBytes);
    const bounded = boundEvent(largest, "1");
    equal(bounded.event, largest);
    deepEqual(bounded.blobs, []);
    equal(boundEvent(toolOutput("x".repeat(maxEventBytes)), "1").blobs.length, 1);
  });

  it("beyond that has its long texts cut, with a mark, and the whole in a blob", () => {
    const text = `${"a".repeat(200_000)}${"b".repeat(200_000)}`;
    const { event, blobs } = boundEvent(toolOutput(text), "17");
    deepEqual(blobs, [{ blobId: "17-1", text }]);
    ok(bytesOf(event) <= maxEventBytes);
    ok(event.type === "tool.output" && event.toolUseId === "t");
    ok(event.text.startsWith("a".repeat(32 * 1024)));
    ok(event.text.endsWith("… [cut: 400000 characters, blob 17-1]"));
  });

  it("is measured in bytes, not in characters", () => {
    const { blobs } = boundEvent(
      { type: "output", stream: "stdout", text: "€".repeat(90_000) },
      "1",
    );
    equal(blobs.length, 1);
  });

  it("is cut wherever the long texts stand in it", () => {
    const long = "y".repeat(300_000);
    const input = { path: "/a", edits: [{ text: long }, { text: "short" }], other: { deep: long } };
    const { event, blobs } = boundEvent(
      { type: "tool.started", toolUseId: "t", name: "edit", title: "edit", kind: "edit", input },
      "2",
    );
    deepEqual(
      blobs.map(({ blobId, text }) => [blobId, text.length]),
      [
        ["2-1", 300_000],
        ["2-2", 300_000],
      ],
    );
    ok(event.type === "tool.started");
    const cut = event.input as typeof input;
    equal(cut.path, "/a");
    equal(cut.edits[1]?.text, "short");
    ok(bytesOf(event) <= maxEventBytes);
  });

  it("of many small texts becomes a note that names the blob with the whole event", () => {
    const many = { type: "tool.completed", toolUseId: "t", status: "completed" } as const;
    const whole = {
      ...many,
      output: Array.from({ length: 20_000 }, (_, n) => `line ${n} of many`),
    };
    const { event, blobs } = boundEvent(whole, "3");
    equal(event.type, "note");
    deepEqual(JSON.parse(blobs[0]?.text ?? ""), whole);
    equal(blobs[0]?.blobId, "3-0");
  });

  it("never cuts a character in two", () => {
    const text = `x${"😀".repeat(150_000)}`;
    const { event } = boundEvent(toolOutput(text), "1");
    ok(event.type === "tool.output" && event.text.isWellFormed());
  });

  it("throws where there is no JSON for it", () => {
    const started = {
      type: "tool.started",
      toolUseId: "t",
      name: "n",
      title: "t",
      kind: "k",
    } as const;
    throws(() => boundEvent({ ...started, input: 1n }, "1"), TypeError);
  });
});
