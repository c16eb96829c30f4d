import { deepEqual, equal, match } from "node:assert/strict";
import { frame, longestBody, longestHeader } from "../../daemon/wire/framing.ts";
import type { RawClient } from "../support/rawClient.ts";
import { waitFor } from "../support/waitFor.ts";
import { wireSuite } from "../support/wire.ts";

/** Bodies that are no JSON in UTF-8. */
const notJson: Record<string, Buffer | string> = {
  nothing: "",
  words: "hello",
  "half an object": '{"jsonrpc":"2.0","id":1',
  "two objects": '{"jsonrpc":"2.0","id":1,"method":"daemon/status"}{}',
  "a trailing comma": '{"jsonrpc":"2.0","id":1,"method":"daemon/status",}',
  "invalid UTF-8": Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
  "a character cut in half": Buffer.from('{"a":"é"}').subarray(0, 7),
  "an encoded surrogate": Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]),
  zeros: Buffer.alloc(100),
};

/** JSON that is no message, with the id that the answer has to bear. */
const notMessages: [value: unknown, id: number | string | null][] = [
  [[], null],
  [[{ jsonrpc: "2.0", id: 1, method: "daemon/status" }], null],
  [null, null],
  [7, null],
  ["daemon/status", null],
  [true, null],
  [{}, null],
  [{ jsonrpc: "2.0" }, null],
  [{ jsonrpc: "2.0", id: 41 }, 41],
  [{ id: 42, method: "daemon/status" }, 42],
  [{ jsonrpc: "1.0", id: "a", method: "daemon/status" }, "a"],
  [{ jsonrpc: 2, id: 43, method: "daemon/status" }, 43],
  [{ jsonrpc: "2.0", id: 44, method: 1 }, 44],
  [{ jsonrpc: "2.0", id: 45, method: null }, 45],
  [{ jsonrpc: "2.0", id: 46, method: {} }, 46],
  [{ jsonrpc: "2.0", id: null, method: "daemon/status" }, null],
  [{ jsonrpc: "2.0", id: 1.5, method: "daemon/status" }, null],
  [{ jsonrpc: "2.0", id: 2 ** 60, method: "daemon/status" }, null],
  [{ jsonrpc: "2.0", id: {}, method: "daemon/status" }, null],
  [{ jsonrpc: "2.0", id: [1], method: "daemon/status" }, null],
  [{ jsonrpc: "2.0", id: true, method: "daemon/status" }, null],
  [{ jsonrpc: "2.0", id: 47, method: "daemon/status", params: "x" }, 47],
  [{ jsonrpc: "2.0", id: 48, method: "daemon/status", params: 3 }, 48],
  [{ jsonrpc: "2.0", id: 49, method: "daemon/status", params: false }, 49],
];

describe("wire: what is no message", () => {
  const wire = wireSuite();

  async function opened(client: RawClient): Promise<RawClient> {
    await client.open();
    client.received.length = 0;
    return client;
  }
  async function works(client: RawClient): Promise<void> {
    equal((await client.ask("daemon/status")).error, undefined);
  }

  it("answers what is no JSON with -32700 and the id null, and goes on", async () => {
    for (const client of [await wire.socket(), wire.front()]) {
      await opened(client);
      for (const [name, body] of Object.entries(notJson)) {
        client.write(frame(body));
        await works(client);
        const [answer, ...others] = client.received.splice(0);
        deepEqual([answer?.id, answer?.error?.code], [null, -32700], name);
        equal(others.length, 1, name);
      }
    }
  });

  it("answers JSON that is no message with -32600, with its id where it has one", async () => {
    for (const client of [await wire.socket(), wire.front()]) {
      await opened(client);
      for (const [value, id] of notMessages) {
        const text = JSON.stringify(value);
        client.write(frame(text));
        await works(client);
        const [answer, ...others] = client.received.splice(0);
        deepEqual([answer?.id, answer?.error?.code], [id, -32600], text);
        equal(others.length, 1, text);
      }
    }
  });

  it("never answers an answer, so that two ends cannot talk to each other for ever", async () => {
    const client = await opened(await wire.socket());
    const error = { code: -32600, message: "no" };
    for (const id of [null, 1, "x", 1.5, {}, undefined]) {
      client.send({ jsonrpc: "2.0", id, result: null });
      client.send({ jsonrpc: "2.0", id, error });
      client.send({ id, error });
    }
    await works(client);
    equal(client.received.length, 1);
  });

  it("takes params that are null or empty for none, and refuses a list with its place", async () => {
    const client = await opened(await wire.socket());
    for (const params of [undefined, null, {}, []]) {
      equal((await client.ask("daemon/status", params)).error, undefined);
    }
    for (const params of [undefined, null, {}]) {
      const { error } = await client.ask("session/get", params);
      deepEqual([error?.code, error?.data.issues[0].path], [-32602, "sessionId"]);
    }
    const { error } = await client.ask("session/get", ["x"]);
    deepEqual([error?.code, error?.data.issues.length], [-32602, 1]);
  });

  it("gives an id back as it was, also a strange one, and answers one that is used twice", async () => {
    const client = await opened(await wire.socket());
    for (const id of ["", " ", "ä\u{1F600}\u0000", -1, 0, Number.MAX_SAFE_INTEGER, "__proto__"]) {
      equal((await client.ask("daemon/status", {}, id)).id, id);
    }
    client.received.length = 0;
    for (let n = 0; n < 3; n += 1) client.send({ jsonrpc: "2.0", id: 5, method: "daemon/status" });
    await waitFor(() => client.received.length === 3, "three answers");
    deepEqual(
      client.received.map(({ id }) => id),
      [5, 5, 5],
    );
  });

  it("bears names of every object and deep nesting in params", async () => {
    const client = await opened(await wire.socket());
    const names = '{"__proto__":{"sessionId":"x"},"constructor":1,"toString":2,"hasOwnProperty":3}';
    const deep = "[".repeat(200_000) + "]".repeat(200_000);
    for (const params of [names, `{"x":${deep}}`, `{"sessionId":${deep}}`]) {
      client.write(frame(`{"jsonrpc":"2.0","id":1,"method":"session/get","params":${params}}`));
    }
    await waitFor(() => client.received.length === 3, "three answers");
    deepEqual(
      client.received.map(({ error }) => error?.code),
      [-32602, -32602, -32602],
    );
    await works(client);
  });

  it("reads frames in any portions, with header fields that others send", async () => {
    const client = await opened(await wire.socket());
    const body = JSON.stringify({ jsonrpc: "2.0", id: 9, method: "daemon/status" });
    const header = `Content-Type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-length: ${body.length}`;
    const bytes = `${header}\r\n\r\n${body}`;
    for (const one of bytes) client.write(one);
    equal((await client.answer(9)).error, undefined);
    client.write(bytes.repeat(3));
    await waitFor(() => client.received.length === 4, "all answers");
  });

  const broken: Record<string, Buffer | string> = {
    "a body over 64 MiB": `Content-Length: ${longestBody + 1}\r\n\r\n`,
    "a body of a length beyond all numbers": `Content-Length: ${"9".repeat(40)}\r\n\r\n`,
    "a header over 8 KiB": `X: ${"x".repeat(longestHeader)}\r\nContent-Length: 2\r\n\r\n{}`,
    "a header without an end": "x".repeat(longestHeader + 10),
    "no Content-Length": "Content-Type: text/plain\r\n\r\n{}",
    "a negative length": "Content-Length: -1\r\n\r\n",
    "a length that is no number": "Content-Length: ten\r\n\r\n",
    "two lengths": "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a request of another protocol": "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "bytes without sense": Buffer.from([0, 1, 2, 255, 13, 10, 13, 10, 7]),
  };

  it("ends a connection that breaks the framing, with a line in the log, and nobody else's", async () => {
    const other = await opened(await wire.socket());
    for (const [name, bytes] of Object.entries(broken)) {
      const client = await opened(await wire.socket());
      const before = wire.daemon.log().length;
      client.write(bytes);
      equal(await client.ended, null, name);
      deepEqual(
        client.received.map(({ error }) => error?.code),
        [-32700],
        name,
      );
      const line = wire.daemon.log().slice(before).split("\n")[0] ?? "";
      const { level, msg, err } = JSON.parse(line) as {
        level: number;
        msg: string;
        err: { message: string };
      };
      deepEqual([level, msg], [40, "a client broke the framing; its connection is closed"], name);
      match(err.message, /header|message of \d+ bytes/, name);
      await works(other);
    }
    deepEqual(other.notifications(), []);
  });

  it("ends a front whose client breaks the framing, and nobody else's", async () => {
    const other = await opened(wire.front());
    for (const name of ["a body over 64 MiB", "a header over 8 KiB", "no Content-Length"]) {
      const client = await opened(wire.front());
      client.write(broken[name] ?? "");
      equal(await client.ended, 1, name);
      equal(client.received.at(-1)?.error?.code, -32700, name);
      match(client.stderr(), /connection ends/, name);
      await works(other);
    }
  });

  it("takes a message of exactly 64 MiB and a header of exactly 8 KiB", async () => {
    const client = await opened(await wire.socket());
    const start = '{"jsonrpc":"2.0","id":"big","method":"no/such","params":{"x":"';
    const body = Buffer.alloc(longestBody, "x");
    body.write(start);
    body.write('"}}', longestBody - 3);
    const length = `Content-Length: ${longestBody}`;
    const filling = `X: ${"x".repeat(longestHeader - length.length - 5)}`;
    client.write(`${filling}\r\n${length}\r\n\r\n`);
    client.write(body);
    equal((await client.answer("big")).error?.code, -32601);
    await works(client);
  });

  it("keeps what came whole before the bytes were cut off", async () => {
    const client = await opened(await wire.socket());
    const { sessions } = await client.call("daemon/status");
    const create = { jsonrpc: "2.0", id: 3, method: "session/create", params: { cwd: "/" } };
    client.write(
      Buffer.concat([frame(JSON.stringify(create)), Buffer.from("Content-Length: 10\r\n")]),
    );
    await client.destroy();
    await waitFor(
      async () => (await wire.client.call("daemon/status", {})).sessions === sessions + 1,
      "the session",
    );
  });
});
