/** A session of 100,000 events opens by reading its end, and nothing else. */
import { equal, ok } from "node:assert/strict";
import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";
import { hasEditor, installedEditor } from "../support/editor/installEditor.ts";
import { checkLeaks } from "../support/leaks.ts";
import { transcriptBrowser, type TranscriptBrowser } from "./transcriptPage.ts";

const rounds = 17_000;

describe("the transcript of 100,000 events", () => {
  checkLeaks();
  if (!hasEditor) return;

  let daemon: TestDaemon;
  let browser: TranscriptBrowser;
  before(async () => {
    const common = { kind: "command", format: "claude-stream-json" } as const;
    const runner = { ...common, command: "cat", args: ["{prompt}"] };
    daemon = startDaemon({ agents: [{ name: "say", runner }], defaultAgent: "say" });
    browser = await transcriptBrowser(await installedEditor());
  });
  after(async () => {
    await browser.close();
    await daemon.stop();
  });

  it("opens at its end at once, and leads to its beginning", async () => {
    const client = await daemon.client({ subscribe: "lifecycle" });
    const limits = { maxTurns: 1_000_000 };
    const id = await client.shell(await longTalk(join(daemon.work, "talk")), { limits });
    await client.call("session/wait", { sessionIds: [id] });
    const { session } = await client.call("session/get", { sessionId: id });
    ok(session.lastSeq >= 100_000, `it has ${session.lastSeq} events`);

    const { page, fromPage, toPage, faults, close } = await browser.open(client, id);
    await page.getByText(`said ${rounds - 1}.`, { exact: true }).waitFor();
    const { opened, heap } = await page.evaluate(() => {
      const { memory } = performance as unknown as { memory: { usedJSHeapSize: number } };
      return { opened: performance.now(), heap: memory.usedJSHeapSize };
    });
    const blocks = await page.locator(".block").count();
    console.log(
      `      ${session.lastSeq} events: opened in ${Math.round(opened)} ms, ` +
        `${blocks} blocks, ${(heap / 1e6).toFixed(1)} MB in the page`,
    );
    const read = toPage.reduce(
      (sum, message) => sum + (message.type === "events" ? message.events.length : 0),
      0,
    );
    ok(read <= 1024, `${read} events were read`);

    await page.locator(".blocks").focus();
    await page.keyboard.press("Home");
    await page.getByText("said 0.", { exact: true }).waitFor();
    await page.getByText(/Jump to the latest · [\d,]+ more/).click();
    await page.getByText(`said ${rounds - 1}.`, { exact: true }).waitFor();
    ok(fromPage.filter(({ type }) => type === "read").length < 20);
    equal(faults.join("\n"), "");
    await close();
  });
});

/** Text in pieces, the whole text, and a tool call, again and again. */
async function longTalk(path: string): Promise<string> {
  const file = createWriteStream(path);
  const line = (value: object) => `${JSON.stringify({ session_id: "s", ...value })}\n`;
  const message = (id: string, content: object) =>
    line({ type: "assistant", message: { id, model: "m", content: [content], usage: {} } });
  for (let n = 0; n < rounds; n += 1) {
    const text = `said ${n}.`;
    const delta = { type: "text_delta", text };
    const input = { command: `echo ${n}` };
    const result = { type: "tool_result", tool_use_id: `t${n}`, content: `${n}\n` };
    const written = file.write(
      line({ type: "stream_event", event: { type: "content_block_delta", delta } }) +
        message(`m${n}`, { type: "text", text }) +
        message(`m${n}`, { type: "tool_use", id: `t${n}`, name: "Bash", input }) +
        line({ type: "user", message: { role: "user", content: [result] } }),
    );
    if (!written) await once(file, "drain");
  }
  file.end(line({ type: "result", subtype: "success", is_error: false, result: "x" }));
  await once(file, "close");
  return path;
}
