import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Peer } from "../../daemon/wire/handshake.ts";
import { ensureToken, listen, type Listener } from "../../daemon/server/listener.ts";
import { stateFolder, type StateFolder } from "../../daemon/base/stateFolder.ts";
import { checkLeaks } from "../support/leaks.ts";
import { waitFor } from "../support/waitFor.ts";

describe("the door of the core", () => {
  checkLeaks();
  let parent: string;
  let folder: StateFolder;
  let listener: Listener;
  let token: string;
  let idle: boolean;
  let takeovers: number;
  let joined: { peer: Peer; socket: Socket; bytes: string }[];
  let sentences: string[];
  let sockets: Socket[];

  beforeEach(async () => {
    parent = mkdtempSync(join(tmpdir(), "d-"));
    folder = stateFolder(join(parent, "state"), {});
    [idle, takeovers, joined, sentences, sockets] = [true, 0, [], [], []];
    token = "7".repeat(64);
    listener = await open(folder);
  });
  afterEach(async () => {
    await listener.close();
    for (const socket of sockets) socket.destroy();
    for (const { socket } of joined) socket.destroy();
    rmSync(parent, { recursive: true });
  });

  function open(where: StateFolder, lineTimeoutMs = 60_000): Promise<Listener> {
    const write = (_facts: object, sentence: string) => void sentences.push(sentence);
    return listen({
      folder: where,
      version: "1.5.0",
      protocolVersion: 1,
      token,
      isIdle: () => idle,
      onClient(socket, peer) {
        const client = { peer, socket, bytes: "" };
        joined.push(client);
        socket.on("data", (chunk) => (client.bytes += chunk.toString())).resume();
      },
      onTakeover: () => (takeovers += 1),
      log: { debug: write, info: write, warn: write, error: write },
      lineTimeoutMs,
    });
  }

  /** Writes the portions, one after the other's answer, and resolves with all that came back. */
  async function talk(...portions: (string | Buffer)[]): Promise<string> {
    const socket = connect(folder.socket);
    sockets.push(socket);
    const before = joined.length;
    let answers = "";
    let closed = false;
    socket.on("data", (chunk) => (answers += chunk.toString()));
    socket.on("error", () => undefined).on("close", () => (closed = true));
    for (const [n, portion] of portions.entries()) {
      socket.write(portion);
      const lines = () => answers.split("\n").length - 1;
      const moved = () => closed || lines() > n || joined.length > before;
      await waitFor(moved, "an answer", { describe: () => answers });
    }
    return answers;
  }

  const helloOf = (more: object = {}) =>
    `${JSON.stringify({ token, version: "2.0.0", protocolVersion: 1, pid: 7, ...more })}\n`;
  const welcome = () =>
    `${JSON.stringify({ version: "1.5.0", protocolVersion: 1, pid: process.pid, idle })}\n`;
  const action = (name: string) => `${JSON.stringify({ action: name })}\n`;

  it("lets a client in, with every byte that it sent behind the handshake", async () => {
    assert.equal(await talk(helloOf(), `${action("join")}frames`), welcome());
    await waitFor(() => joined[0]?.bytes === "frames", "the bytes");
    assert.deepEqual(joined[0]?.peer, { version: "2.0.0", protocolVersion: 1, pid: 7 });
    assert.equal(await talk(`${helloOf()}${action("join")}more frames`), welcome());
    await waitFor(() => joined[1]?.bytes === "more frames", "the bytes");
  });

  it("refuses what is no handshake, with a line and a word in the log, and goes on", async () => {
    const refused: [string | Buffer, string][] = [
      [helloOf({ token: "8".repeat(64) }), "the token is wrong"],
      [helloOf({ token: "7".repeat(63) }), "the token is wrong"],
      [helloOf({ token: "" }), "the token is wrong"],
      [helloOf({ token: undefined }), "the token is wrong"],
      [helloOf({ token: 7 }), "the token is wrong"],
      [helloOf({ version: undefined }), "no handshake"],
      [helloOf({ pid: "7" }), "no handshake"],
      ["null\n", "no handshake"],
      ["\n", "no handshake"],
      ["GET / HTTP/1.1\r\n\r\n", "no handshake"],
      [Buffer.from([0, 255, 254, 10]), "no handshake"],
      ["x".repeat(5000), "longer than 4096 bytes"],
      [`${"x".repeat(5000)}\n`, "longer than 4096 bytes"],
    ];
    for (const [bytes, reason] of refused) {
      const answer = await talk(bytes);
      assert.match(answer, /^\{"error":".*"\}\n$/);
      assert.ok(answer.includes(reason), answer);
      assert.ok(!answer.includes(token));
    }
    const logged = sentences.filter((sentence) => sentence === "a connection was refused");
    assert.equal(logged.length, refused.length);
    assert.deepEqual(joined, []);
    assert.match(await talk(helloOf(), action("dance")), /"error":"this action is not known"/);
    assert.equal(await talk(helloOf(), `${action("join")}frames`), welcome());
  });

  it("refuses who does not end a line", async () => {
    await listener.close();
    listener = await open(folder, 200);
    assert.match(
      await talk("not a whole line"),
      /^\{"error":".*no line came within 200 ms.*"\}\n$/,
    );
  });

  it("bears clients that go away at any point of the handshake", async () => {
    for (const bytes of ["", "half a li", helloOf(), helloOf() + action("join")]) {
      const socket = connect(folder.socket);
      socket.on("error", () => undefined);
      await new Promise((resolve) => socket.write(bytes, resolve));
      socket.destroy();
    }
    assert.equal(await talk(helloOf(), `${action("join")}frames`), welcome());
  });

  it("lets a newer version take over, and only while it is idle", async () => {
    for (const version of ["1.5.0", "1.4.9", "1.5.0-rc.1", "nonsense"]) {
      const answer = await talk(helloOf({ version }), action("takeover"));
      assert.match(answer, /"error":".* is not newer than 1\.5\.0"/);
    }
    idle = false;
    const answer = await talk(helloOf(), action("takeover"));
    assert.equal(answer, `${welcome()}{"error":"the core is busy"}\n`);
    assert.equal(takeovers, 0);
    idle = true;
    assert.equal(await talk(helloOf(), action("takeover")), `${welcome()}{"ok":true}\n`);
    assert.equal(takeovers, 1);
  });

  it("lets nobody in after close, removes the socket file and keeps its clients", async () => {
    await talk(helloOf(), `${action("join")}frames`);
    const halfway = connect(folder.socket);
    const ended = new Promise((resolve) => halfway.once("close", resolve));
    halfway.on("error", () => undefined).write("half a li");
    await new Promise((resolve) => halfway.once("connect", resolve));
    await listener.close();
    await ended;
    assert.equal(existsSync(folder.socket), false);
    assert.equal(joined[0]?.socket.destroyed, false);
    sockets[0]?.write(" more");
    await waitFor(() => joined[0]?.bytes === "frames more", "the bytes of the client");
  });

  it("keeps its folder and its socket to their owner, and takes the place of a stale socket", async () => {
    assert.equal(statSync(folder.dir).mode & 0o777, 0o700);
    assert.equal(statSync(folder.socket).mode & 0o777, 0o600);
    const stale = stateFolder(join(parent, "stale"), {});
    mkdirSync(stale.dir, { mode: 0o755 });
    writeFileSync(stale.socket, "");
    const second = await open(stale);
    assert.equal(statSync(stale.dir).mode & 0o777, 0o700);
    assert.ok(statSync(stale.socket).isSocket());
    await second.close();
  });

  it("puts the socket of a long path into a private folder of its own", async () => {
    const long = stateFolder(join(parent, randomUUID().repeat(3)), {});
    assert.notEqual(join(long.socket, ".."), long.dir);
    const second = await open(long);
    assert.equal(statSync(join(long.socket, "..")).mode & 0o777, 0o700);
    await second.close();
    rmSync(join(long.socket, ".."), { recursive: true });
  });

  it("takes a link to a state folder", async () => {
    const linked = stateFolder(join(parent, "link"), {});
    mkdirSync(join(parent, "elsewhere"));
    symlinkSync(join(parent, "elsewhere"), linked.dir);
    const second = await open(linked);
    assert.equal(statSync(join(parent, "elsewhere")).mode & 0o777, 0o700);
    await second.close();
  });

  it("refuses a folder that everybody shares", async () => {
    await assert.rejects(open(stateFolder("/tmp", {})), /must be a folder of your own/);
  });

  it("makes a token once, whole and for its owner only", async () => {
    const file = join(parent, "token");
    const made = await ensureToken(file);
    assert.match(made, /^[0-9a-f]{64}$/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(await ensureToken(file), made);
    writeFileSync(file, made.slice(0, 10));
    const next = await ensureToken(file);
    assert.notEqual(next, made);
    assert.equal(readFileSync(file, "utf8"), next);
  });
});
