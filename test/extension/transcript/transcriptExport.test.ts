/** Whole texts: what a session holds is exported, and shown, without anything left out. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SessionReader } from "../../../extension/transcript/sessionReader.ts";
import { transcriptMarkdown } from "../../../extension/transcript/wholeTranscript.ts";
import { writeFile } from "../../../extension/transcript/writeFile.ts";
import { startDaemon, type TestClient, type TestDaemon } from "../../support/daemon.ts";
import { checkLeaks } from "../../support/leaks.ts";

describe("the whole of a transcript", () => {
  checkLeaks();

  let daemon: TestDaemon;
  let client: TestClient;
  before(async () => {
    const common = { kind: "command", format: "claude-stream-json" } as const;
    const runner = { ...common, command: "cat", args: ["{prompt}"] };
    daemon = startDaemon({ agents: [{ name: "say", runner }] });
    client = await daemon.client();
  });
  after(() => daemon.stop());

  async function exported(sessionId: string): Promise<string> {
    const { session } = await client.call("session/get", { sessionId });
    const texts: string[] = [];
    for await (const text of transcriptMarkdown(session, new SessionReader(client, sessionId))) {
      texts.push(text);
    }
    return texts.join("");
  }

  async function said(...lines: object[]): Promise<string> {
    const file = join(daemon.work, "lines");
    writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    const limits = { maxTurns: 100_000 };
    const id = await client.shell(file, { agent: "say", title: "What it *said*", limits });
    await client.completion(id);
    return id;
  }

  it("is Markdown with everything in its order, over many pages", async () => {
    const texts = Array.from({ length: 1_500 }, (_, n) =>
      assistant("text", { text: `said ${n}.` }),
    );
    const call = { id: "t", name: "Bash", input: { command: "ls" } };
    const outcome = { type: "tool_result", tool_use_id: "t", content: "a.ts\nb.ts" };
    const id = await said(
      assistant("tool_use", call),
      ...texts,
      { type: "user", session_id: "s", message: { role: "user", content: [outcome] } },
      { type: "result", subtype: "success", is_error: false, session_id: "s", result: "x" },
    );
    const text = await exported(id);
    match(text, /^# What it \\\*said\\\*\n\n- agent say\n/);
    match(text, /### Message · [\d: -]+\n\n> \/.*lines\n/);
    match(
      text,
      /\*\*Bash\*\* ls \(completed\)\n\n```\n\{?[^`]*ls[^`]*\n```\n\n```\na\.ts\nb\.ts\n```/,
    );
    deepEqual(
      [...text.matchAll(/^said (\d+)\.$/gm)].map(([, n]) => Number(n)),
      texts.map((_, n) => n),
    );
    match(text, /\*Ended [\d: -]+, completed\.\*\n$/);
  });

  it("has a message where it was sent, also between two pages", async () => {
    const id = await client.shell("seq 1 2000", { agent: "shell" });
    await client.completion(id);
    await client.call("session/send", { sessionId: id, text: "echo second" });
    await client.completion(id, 2);
    const text = await exported(id);
    const places = ["> seq 1 2000", "\n1\n2\n", "1999\n2000\n", "> echo second", "\nsecond\n"];
    const found = places.map((place) => text.indexOf(place));
    ok(!found.includes(-1), text.slice(-500));
    deepEqual(
      found,
      found.toSorted((a, b) => a - b),
    );
  });

  it("has all of a text that is too long for its event", async () => {
    const long = "0123456789".repeat(60_000);
    const id = await said(assistant("text", { text: long }), {
      type: "result",
      subtype: "success",
      is_error: false,
      session_id: "s",
      result: "x",
    });
    ok((await exported(id)).includes(long));
    const reader = new SessionReader(client, id);
    const { events } = await reader.events(0, 1000);
    const cut = events.find(({ event, wholeLength }) => event.type === "message" && wholeLength);
    ok(cut !== undefined && JSON.stringify(cut).length < 100_000);
    const whole = await reader.wholeEvent(cut.seq);
    equal(whole?.event.type === "message" && whole.event.text, long);
  });

  it("is written as a file that is there when it is whole", async () => {
    const path = join(daemon.work, "out.md");
    async function* texts() {
      yield "one\n";
      yield "two\n".repeat(100_000);
    }
    equal(await writeFile(path, texts(), () => true), false);
    equal(existsSync(path) || existsSync(`${path}.part`), false);
    equal(await writeFile(path, texts(), () => false), true);
    equal(readFileSync(path, "utf8").length, 400_004);
    equal(existsSync(`${path}.part`), false);
  });
});

let lastMessage = 0;
function assistant(type: string, fields: object): object {
  lastMessage += 1;
  const message = {
    id: `m${lastMessage}`,
    model: "m-1",
    content: [{ type, ...fields }],
    usage: {},
  };
  return { type: "assistant", session_id: "s", message };
}
