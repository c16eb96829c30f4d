import { deepEqual, equal, ok } from "node:assert/strict";
import type { RunOutcome } from "../../daemon/sessions/endings.ts";
import { readBlob } from "../../daemon/server/pages.ts";
import type { RunContext } from "../../daemon/runners/runner.ts";
import { maxEventBytes } from "../../protocol/events.ts";
import { startDaemon } from "../support/daemon.ts";
import { openParts, type TestParts } from "../support/inProcess.ts";
import { checkLeaks } from "../support/leaks.ts";

describe("events", () => {
  checkLeaks();
  let parts: TestParts;
  let act: (context: RunContext) => RunOutcome | Promise<RunOutcome>;
  before(async () => {
    parts = await openParts({ run: async (context) => await act(context) });
  });
  after(() => parts.stop());

  const done: RunOutcome = { status: "completed", result: "done" };

  async function wholeBlob(sessionId: string, blobId: string): Promise<string> {
    let whole = "";
    for (let offset: number | undefined = 0; offset !== undefined;) {
      const part = await readBlob(parts.store, sessionId, blobId, offset);
      whole += part.text;
      offset = part.nextOffset;
    }
    return whole;
  }

  it("above 256 KiB are cut, and the whole is kept beside them", async () => {
    const text = Array.from({ length: 120_000 }, (_, n) => `${n} 😀`).join("\n");
    act = ({ emit }) => {
      emit({ type: "tool.output", toolUseId: "t", text });
      emit({ type: "tool.output", toolUseId: "t", text: "small" });
      return done;
    };
    const { id } = await parts.spawn("x");
    await parts.completion(id);
    const [large, small] = parts.events(id);
    ok(Buffer.byteLength(JSON.stringify(large)) <= maxEventBytes);
    const blobId = /\[cut: \d+ characters, blob (.+)\]$/.exec(
      large?.type === "tool.output" ? large.text : "",
    )?.[1];
    equal(await wholeBlob(id, blobId ?? ""), text);
    deepEqual(small, { type: "tool.output", toolUseId: "t", text: "small" });
    deepEqual(
      (await parts.store.events(id, 0, 10)).map(({ event }) => event),
      [large, small],
    );
  });

  it("carry what a run does now on its heartbeats, and only real ones are progress", async () => {
    const held = Promise.withResolvers<void>();
    act = async ({ setActivity }) => {
      setActivity({ kind: "tool", label: "reading" });
      await held.promise;
      return done;
    };
    const { id } = await parts.spawn("x");
    await parts.until(id, "running");
    const shown = parts.tree.show(id);
    deepEqual("activity" in shown && shown.activity, { kind: "tool", label: "reading" });
    equal("lastProgressAt" in shown && shown.lastProgressAt === shown.startedAt, true);
    held.resolve();
    await parts.completion(id);
  });

  it("all come back to whoever joins late, also the ones that are no longer in memory", async () => {
    const daemon = startDaemon();
    try {
      const first = await daemon.client();
      const id = await first.shell("i=0; while [ $i -lt 1500 ]; do i=$((i+1)); echo $i; done");
      await first.completion(id);
      const late = await daemon.client({ subscribe: "nothing" });
      const { lastSeq } = await late.call("session/subscribe", { sessionId: id });
      const heard = () => late.of("subAgent/event");
      while (heard().length < lastSeq) await late.call("daemon/status", {});
      deepEqual(
        heard().map(({ seq }) => seq),
        Array.from({ length: lastSeq }, (_, place) => place + 1),
      );
      const texts = heard().map(({ event }) => (event.type === "output" ? event.text : ""));
      deepEqual(texts.join("").trim().split("\n").length, 1500);
    } finally {
      await daemon.stop();
    }
  });
});
