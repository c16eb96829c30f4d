/** The disk is full, or what lies on it cannot be used: what the daemon says and what it keeps. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { connect } from "../../daemon/store/connection.ts";
import {
  isAlive,
  startDaemon,
  type Received,
  type TestDaemon,
  endCores,
} from "../support/daemon.ts";
import { canMount, makeReadOnly, mountSmallDisk, type SmallDisk } from "../support/faultDisk.ts";
import { openEditor, type Editor } from "../support/faultEditor.ts";
import { checkHoldings, newLedger, readHoldings } from "../support/faultLedger.ts";
import { checkLeaks } from "../support/leaks.ts";
import { repository } from "../support/repository.ts";
import { waitFor } from "../support/waitFor.ts";

/** Ends the editors, and the core that the first of them is connected to. */
async function stopCore(editors: Editor[]): Promise<void> {
  const status = await editors[0]?.insist("daemon/status", {});
  await Promise.all(editors.splice(0).map((editor) => editor.close()));
  if (status === undefined) return;
  process.kill(status.pid, "SIGTERM");
  await waitFor(() => !isAlive(status.pid), "the core to be gone");
  await endCores();
}

/** What a client reads that opens a connection, and how its front ends. */
async function tryFront(daemon: TestDaemon): Promise<{ code: number | null; said: string }> {
  const main = join(repository, "daemon", "main.ts");
  const front = spawn(process.execPath, [main, "--stdio"], { env: daemon.environment });
  const params = { processId: process.pid, capabilities: {} };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params });
  let said = "";
  front.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  front.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  const [code] = (await once(front, "close")) as [number | null];
  return { code, said };
}

const needsRoot = canMount ? "" : " (NOT RUN: a small disk can only be mounted by root on Linux)";

describe(`a full disk under live runs${needsRoot}`, () => {
  checkLeaks();
  let daemon: TestDaemon;
  let disk: SmallDisk;
  let editor: Editor;
  let news: Received[];
  const editors: Editor[] = [];

  before(function () {
    if (!canMount) this.skip();
  });

  beforeEach(async () => {
    daemon = startDaemon({ concurrency: { total: 3, perRoot: 3 } });
    disk = mountSmallDisk(daemon.folder, 8);
    editor = await openEditor(daemon.environment);
    editors.push(editor);
    news = [];
    editor.onNews = (one) => void news.push(one);
  });

  afterEach(async () => {
    if (!canMount) return;
    await stopCore(editors).finally(() => disk.remove());
    await daemon.stop();
  });

  /** A run that ticks until there is a file `name` in its folder. */
  async function spawnTicking(name: string): Promise<string> {
    const prompt = `until [ -e ${name} ]; do sleep 0.03; echo tick; done; echo over`;
    const { session } = await editor.insist("session/spawn", {
      prompt,
      cwd: daemon.work,
      requestKey: name,
    });
    return session.id;
  }

  const healths = () =>
    news.flatMap(({ method, params }) => (method === "daemon/statusChanged" ? [params] : []));

  async function fillTheDisk(): Promise<void> {
    disk.fill();
    await waitFor(() => healths().at(-1)?.health === "degraded", "the core to be degraded");
  }

  async function completionsOf(sessionIds: string[]) {
    const answer = await editor.insist("session/wait", { sessionIds, timeoutMs: 60_000 });
    deepEqual(answer.pending, []);
    return answer.completions;
  }

  it("is said with a remedy, live runs end with stored: false, and all is stored later", async () => {
    const live = [await spawnTicking("a"), await spawnTicking("b"), await spawnTicking("c")];
    const queued = await spawnTicking("a");
    equal(queued, live[0], "the same key is the same session");
    const waiting = await spawnTicking("d");
    await waitFor(() => live.every((id) => editor.events.has(id)), "all to tick");

    await fillTheDisk();
    const { health, message } = await editor.insist("daemon/status", {});
    equal(health, "degraded");
    match(message ?? "", /no space left .*store\.sqlite.*free some space/);
    equal(healths().at(-1)?.message, message);
    const refused = await editor.ask("session/spawn", { prompt: "true", cwd: daemon.work });
    ok("error" in refused && refused.error.code === 1006, JSON.stringify(refused));
    match(refused.error.message, /no space left/);

    for (const name of ["a", "b", "c", "d"]) writeFileSync(join(daemon.work, name), "");
    const unstored = await completionsOf(live);
    deepEqual(
      unstored.map(({ status, stored, result }) => [status, stored, result?.slice(-5)]),
      live.map(() => ["completed", false, "over\n"]),
    );
    const shown = await editor.insist("session/get", { sessionId: live[0] ?? "" });
    equal("stored" in shown.session && shown.session.stored, false);
    equal((await editor.insist("session/get", { sessionId: waiting })).session.status, "queued");

    disk.free();
    await waitFor(() => healths().at(-1)?.health === "ok", "the core to be well again");
    const changed = (id: string) =>
      news.some(
        ({ method, params }) =>
          method === "session/changed" &&
          params.session.id === id &&
          "stored" in params.session &&
          params.session.stored,
      );
    await waitFor(() => live.every(changed), "the clients to hear that all is stored");
    const [late] = await completionsOf([waiting]);
    deepEqual([late?.status, late?.stored], ["completed", true]);

    const { pid } = await editor.insist("daemon/status", {});
    process.kill(pid, "SIGKILL");
    const reader = await openEditor(daemon.environment);
    editors.push(reader);
    await waitFor(() => reader.completions.size >= reader.watermark, "all to be sent again");
    const held = await readHoldings(reader);
    equal(held.completions.length, live.length + 1);
    checkHoldings(held, newLedger(), [editor, reader]);
  });

  it("is named when a core cannot start for it, and is no matter when there is space", async () => {
    await spawnTicking("a");
    await stopCore(editors);
    disk.fill();
    const { code, said } = await tryFront(daemon);
    equal(code, 1);
    match(said, /"error":.*(no space left|disk is full)/);
    disk.free();
    editor = await openEditor(daemon.environment);
    editors.push(editor);
    const { health, running, queued } = await editor.insist("daemon/status", {});
    deepEqual([health, running, queued], ["ok", 0, 0]);
  });

  it("and then kill -9 loses only what was told as not stored, and says so again", async () => {
    const id = await spawnTicking("a");
    await waitFor(() => editor.events.has(id), "it to tick");
    await fillTheDisk();
    writeFileSync(join(daemon.work, "a"), "");
    const [untrue] = await completionsOf([id]);
    deepEqual([untrue?.status, untrue?.stored], ["completed", false]);
    const { pid } = await editor.insist("daemon/status", {});
    disk.free();
    process.kill(pid, "SIGKILL");
    const again = () =>
      news.flatMap(({ method, params }) =>
        method === "subAgent/completed" && params.stored ? [params] : [],
      );
    const told = await waitFor(() => again()[0], "the completion that counts", {
      describe: () => news.filter(({ method }) => method === "subAgent/completed"),
    });
    const { session } = await editor.insist("session/get", { sessionId: id });
    deepEqual([told.childSessionId, told.status], [id, session.status]);
  });
});

describe("a store that cannot be used", () => {
  checkLeaks();
  let daemon: TestDaemon;
  const editors: Editor[] = [];
  const store = () => join(daemon.folder, "store.sqlite");

  /** A store with a session in it, whose core has stopped in order. */
  beforeEach(async () => {
    daemon = startDaemon();
    const client = await daemon.client();
    await client.completion(await client.shell("seq 3000"));
    await client.close();
    await daemon.stopCore();
  });

  afterEach(async () => {
    await stopCore(editors);
    await daemon.stop();
  });

  async function open(): Promise<Editor> {
    const editor = await openEditor(daemon.environment);
    editors.push(editor);
    return editor;
  }

  async function checkWork(editor: Editor): Promise<void> {
    const { session } = await editor.insist("session/spawn", {
      prompt: "echo works",
      cwd: daemon.work,
    });
    const sessionIds = [session.id];
    const { completions } = await editor.insist("session/wait", { sessionIds });
    equal(completions[0]?.result, "works\n");
  }

  it("of a newer version is refused with what to do, and left alone", async () => {
    const connection = await connect(store(), 1000);
    await connection.query("PRAGMA user_version=999");
    await connection.close();
    const { code, said } = await tryFront(daemon);
    equal(code, 1);
    match(said, /"error":.*store\.sqlite has version 999.*update offshoot/);
    const other = await connect(store(), 1000);
    const [row] = await other.query("SELECT count(*) AS rows FROM keyv");
    await other.close();
    ok(Number(row?.["rows"]) > 3, "the rows are there");
  });

  for (const [where, part] of [
    ["at the head", 0],
    ["in the middle", 0.5],
  ] as const) {
    it(`damaged ${where} is set aside by a name that health tells, and work goes on`, async () => {
      const { size } = statSync(store());
      const file = openSync(store(), "r+");
      writeSync(file, Buffer.alloc(8192, "garbage "), 0, 8192, Math.floor(size * part));
      closeSync(file);
      const editor = await open();
      const { health, message } = await editor.insist("daemon/status", {});
      equal(health, "degraded");
      const aside = /moved to (\S+store\.sqlite\.corrupt\.\d+)/.exec(message ?? "")?.[1] ?? "";
      ok(existsSync(aside), message);
      await checkWork(editor);
    });
  }

  it("that may only be read is named with what to do, and taken when it may be written", async () => {
    const readOnly = makeReadOnly(store());
    const { code, said } = await tryFront(daemon).finally(() => readOnly.undo());
    equal(code, 1);
    match(said, /"error":.*store\.sqlite cannot be written: make the file and its folder/);
    const editor = await open();
    equal((await editor.insist("daemon/status", {})).health, "ok");
    await checkWork(editor);
  });
});
