import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { longestBody, longestHeader } from "../../daemon/wire/framing.ts";
import { checkLeaks } from "../support/leaks.ts";
import { kill, testStateFolder, type TestFolder, ofTheEditor } from "./frontClient.ts";

describe("front: the life of a connection", () => {
  checkLeaks();
  let folder: TestFolder;
  beforeEach(() => {
    folder = testStateFolder();
  });
  afterEach(() => folder.clear());

  it("starts a core that outlives it, and ends with 0 after shutdown and exit", async () => {
    const client = folder.client();
    const core = await client.open();
    const answer = await client.ask("echo", { text: "hällo" });
    assert.deepEqual(answer.result, { text: "hällo" });
    assert.equal((await client.ask("shutdown")).error, undefined);
    client.notify("exit");
    assert.equal(await client.ended, 0);
    assert.equal(client.stderr(), "");
    assert.deepEqual(folder.corePids(), [core]);
    const second = folder.client();
    assert.equal(await second.open(), core);
  });

  it("ends with 1 when exit comes without shutdown", async () => {
    const client = folder.client();
    await client.open();
    client.notify("exit");
    assert.equal(await client.ended, 1);
  });

  it("ends when its stdin ends: with 1, and with 0 after shutdown", async () => {
    const hasty = folder.client();
    await hasty.open();
    hasty.stdin.end();
    assert.equal(await hasty.ended, 1);
    const polite = folder.client();
    await polite.open();
    await polite.ask("shutdown");
    polite.stdin.end();
    assert.equal(await polite.ended, 0);
  });

  it("hands on what was sent right before exit", async () => {
    const client = folder.client();
    await client.open();
    client.notify("last/words", { text: "x".repeat(100_000) });
    void client.ask("complete");
    client.notify("exit");
    await client.ended;
    const next = folder.client();
    await next.open();
    const { result } = await next.ask("tree/subscribe");
    assert.deepEqual(result, { sessions: [{ id: "s1", version: 1 }], completionSeq: 1 });
  });

  it("ends when the process that initialize named has ended", async () => {
    const editor = spawn(process.execPath, ["-e", "process.stdin.resume()"]);
    const client = folder.client();
    await client.open({ processId: editor.pid });
    await client.ask("echo");
    kill(editor.pid ?? 0, "SIGKILL");
    await once(editor, "close");
    assert.equal(await client.ended, 1);
    assert.match(client.stderr(), new RegExp(`Process ${editor.pid}, .* has ended`));
  });

  it("stays while that process lives, and without one", async () => {
    const withProcess = folder.client();
    await withProcess.open({ processId: process.pid });
    const without = folder.client();
    await without.open({ processId: null });
    assert.deepEqual((await withProcess.ask("echo", { n: 1 })).result, { n: 1 });
    assert.deepEqual((await without.ask("echo", { n: 2 })).result, { n: 2 });
  });

  it("ends one connection for bytes that are no frames, and hurts no other", async () => {
    const other = folder.client();
    const core = await other.open();
    const faults = [
      ["Content-Length: nonsense\r\n\r\n{}", /no readable Content-Length/],
      ["x".repeat(longestHeader + 4), /a header is longer than 8192 bytes/],
      [`Content-Length: ${longestBody + 1}\r\n\r\n`, /a message of \d+ bytes is over the limit/],
    ] as const;
    for (const [bytes, sentence] of faults) {
      const client = folder.client();
      await client.open();
      client.stdin.write(bytes);
      assert.equal(await client.ended, 1);
      assert.match(client.stderr(), sentence);
      const last = client.received.at(-1);
      assert.equal(last?.id, null);
      assert.equal(last.error?.code, -32700);
      assert.match(last.error.message, sentence);
      assert.deepEqual((await other.ask("echo", { n: 1 })).result, { n: 1 });
    }
    assert.deepEqual(folder.corePids(), [core]);
  });

  it("passes frames on that are no JSON", async () => {
    const client = folder.client();
    await client.open();
    client.stdin.write("Content-Length: 8\r\n\r\n{garbage");
    const { result } = await client.ask("told");
    assert.deepEqual(result, [
      { method: "initialize", params: ofTheEditor },
      { method: "garbage", params: { text: "{garbage" } },
    ]);
  });

  it("passes a message of 64 MiB on, both ways", async () => {
    const client = folder.client();
    await client.open();
    const text = "x".repeat(longestBody - 200);
    const { result } = await client.ask("echo", { text });
    assert.ok((result as { text: string }).text === text);
  });

  it("says why no core can be started, and ends with 1", async () => {
    const client = folder.client({ TINY_FAULT: "the disk is on fire" });
    const { error } = await client.ask("initialize", {});
    assert.equal(error?.code, -32603);
    assert.equal(await client.ended, 1);
    for (const told of [error.message, client.stderr()]) {
      assert.match(told, /cannot be used: it ended with exit code 1/);
      assert.match(told, /the disk is on fire/);
      assert.ok(told.includes(folder.logFile));
    }
  });

  it("says why the state folder cannot be made", async () => {
    mkdirSync(folder.dir, { recursive: true });
    writeFileSync(`${folder.dir}/file`, "");
    const client = folder.client({}, `${folder.dir}/file/state`);
    assert.equal(await client.ended, 1);
    assert.match(client.stderr(), /cannot be used: ENOTDIR/);
  });

  it("answers initialize with 1008 where the protocols differ, and waits for exit", async () => {
    const old = folder.client({ TINY_PROTOCOL: "7", TINY_BUSY: "1" });
    const core = await old.open();
    const client = folder.client({ TINY_VERSION: "2.0.0" });
    const { error } = await client.ask("initialize", {});
    assert.equal(error?.code, 1008);
    assert.deepEqual(error.data, {
      kind: "versionMismatch",
      client: { version: "2.0.0", protocolVersion: 1 },
      core: { version: "1.0.0", protocolVersion: 7 },
    });
    assert.equal((await client.ask("session/list", {})).error?.code, -32002);
    assert.deepEqual((await client.ask("shutdown")).result, null);
    client.notify("exit");
    assert.equal(await client.ended, 0);
    assert.deepEqual(folder.corePids(), [core]);
  });
});
