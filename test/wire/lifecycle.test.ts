import { deepEqual, equal, match } from "node:assert/strict";
import { requests } from "../../protocol/messages.ts";
import { frame } from "../../daemon/wire/framing.ts";
import { wireSuite } from "../support/wire.ts";
import { waitFor } from "../support/waitFor.ts";

describe("wire: the life of a connection", () => {
  const wire = wireSuite();

  it("says what it is in the answer to initialize, which needs no params at all", async () => {
    const { result } = await (await wire.socket()).ask("initialize");
    deepEqual(requests.initialize.result.parse(result), result);
    equal(result.serverInfo.name, "offshoot");
    match(result.serverInfo.version, /^\d+\.\d+\.\d+/);
    equal(result.capabilities.experimental.offshoot.protocolVersion, 1);
    const { features } = result.capabilities.experimental.offshoot;
    const expected = Object.keys(requests).filter((m) => m !== "initialize" && m !== "shutdown");
    deepEqual(new Set(features), new Set(expected));
    const { commands } = result.capabilities.executeCommandProvider;
    for (const command of ["offshoot.spawn", "offshoot.cancel"]) {
      equal(commands.includes(command), true, command);
    }
  });

  it("refuses every request before initialize with -32002, and goes on", async () => {
    const client = wire.front();
    for (const method of [...Object.keys(requests), "no/such"].filter((m) => m !== "initialize")) {
      const { error } = await client.ask(method, {});
      equal(error?.code, -32002, method);
      match(error.message, /initialize/);
    }
    client.notify("workspace/didChangeConfiguration", { settings: { offshoot: {} } });
    equal((await client.open()).error, undefined);
  });

  it("refuses a second initialize with -32600, and goes on", async () => {
    const client = wire.front();
    await client.open();
    equal((await client.ask("initialize", { capabilities: {} })).error?.code, -32600);
    equal((await client.ask("daemon/status")).error, undefined);
  });

  it("takes a first initialize that failed for none", async () => {
    const client = wire.front();
    equal((await client.open({ protocolVersion: 7 })).error?.code, 1008);
    equal((await client.ask("daemon/status")).error?.code, -32002);
    equal((await client.open({ protocolVersion: 1 })).error, undefined);
  });

  it("allows after shutdown nothing but exit", async () => {
    const client = wire.front();
    await client.open();
    deepEqual((await client.ask("shutdown")).result, null);
    for (const method of ["daemon/status", "initialize", "shutdown", "no/such"]) {
      equal((await client.ask(method, {})).error?.code, -32600, method);
    }
    client.notify("exit");
    equal(await client.ended, 0);
    equal(client.stderr(), "");
  });

  it("is silent after shutdown, also to who had subscribed", async () => {
    const client = await wire.socket();
    await client.open();
    await client.call("tree/subscribe", { events: "all" });
    await client.call("shutdown");
    const id = await wire.client.shell("echo hello");
    await wire.client.call("session/wait", { sessionIds: [id] });
    equal((await client.ask("daemon/status")).error?.code, -32600);
    deepEqual(client.notifications(), []);
  });

  it("ends a front with 1 when exit comes without shutdown", async () => {
    const client = wire.front();
    await client.open();
    client.notify("exit");
    equal(await client.ended, 1);
  });

  it("ends the connection of a socket on exit, and nobody else's", async () => {
    const [client, other] = await Promise.all([wire.socket(), wire.socket()]);
    await Promise.all([client.open(), other.open()]);
    client.notify("exit");
    equal(await client.ended, null);
    equal((await other.ask("daemon/status")).error, undefined);
  });

  it("answers an unknown request with -32601, whatever its name, and goes on", async () => {
    const client = await wire.socket();
    await client.open();
    const names = ["no/such", "textDocument/hover", "$/unknown", "toString", "__proto__", ""];
    for (const method of names) {
      equal((await client.ask(method, {})).error?.code, -32601, method);
    }
    for (const method of ["initialized", "exit", "$/cancelRequest"]) {
      equal((await client.ask(method, { id: 1 })).error?.code, -32601, `${method} as a request`);
    }
  });

  it("ignores an unknown notification, and what is a request elsewhere", async () => {
    const client = await wire.socket();
    await client.open();
    const before = (await client.call("daemon/status")).sessions;
    for (const method of [
      "no/such",
      "$/setTrace",
      "$/progress",
      "textDocument/didOpen",
      "shutdown",
    ]) {
      client.notify(method);
      client.notify(method, { token: 1 });
      client.notify(method, []);
    }
    client.notify("session/create", { cwd: wire.daemon.work });
    client.notify("workspace/didChangeConfiguration");
    client.notify("workspace/didChangeConfiguration", { settings: "none" });
    equal((await client.call("daemon/status")).sessions, before);
    deepEqual(client.notifications(), []);
    equal(client.received.length, 3);
  });
});

describe("wire: $/cancelRequest", () => {
  const wire = wireSuite();
  const request = (id: number | string, method: string, params: object) =>
    frame(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
  const cancel = (params?: unknown) =>
    frame(JSON.stringify({ jsonrpc: "2.0", method: "$/cancelRequest", params }));

  it("ends a wait with -32800 and leaves the run alone", async () => {
    const client = wire.front();
    await client.open();
    const id = await wire.client.shell("sleep 1000");
    const asked = client.ask("session/wait", { sessionIds: [id] }, "w");
    await client.ask("daemon/status");
    client.notify("$/cancelRequest", { id: "w" });
    const { error } = await asked;
    equal(error?.code, -32800);
    equal(
      (await client.call("session/get", { sessionId: id })).session.status !== "cancelled",
      true,
    );
    await client.call("session/cancel", { sessionId: id });
    await wire.client.call("session/wait", { sessionIds: [id] });
  });

  it("ends a request that has not begun with -32800, and nothing of it happens", async () => {
    const client = await wire.socket();
    await client.open();
    const { sessions } = await client.call("daemon/status");
    const spawn = { prompt: "true", cwd: wire.daemon.work };
    const bytes = [0, 1, 2, 3].map((id) => request(id, "daemon/status", {}));
    client.write(
      Buffer.concat([...bytes, request("s", "session/spawn", spawn), cancel({ id: "s" })]),
    );
    equal((await client.answer("s")).error?.code, -32800);
    for (const id of [0, 1, 2, 3]) equal((await client.answer(id)).error, undefined);
    equal((await client.call("daemon/status")).sessions, sessions);
  });

  it("tells what has happened where it came too late", async () => {
    const client = await wire.socket();
    await client.open();
    const { session } = await client.call("session/create", { cwd: wire.daemon.work });
    client.notify("$/cancelRequest", { id: 2 });
    const spawned = await client.ask("session/spawn", { parentId: session.id, prompt: "true" }, 2);
    equal(spawned.error, undefined);
    await client.call("session/wait", { sessionIds: [spawned.result.session.id] });
  });

  it("tells 1 and '1' apart, in the queue and in what is under way", async () => {
    const client = await wire.socket();
    await client.open();
    const id = await wire.client.shell("sleep 1000");
    const wait = { sessionIds: [id] };
    client.write(
      Buffer.concat([
        request(1001, "session/wait", wait),
        request("1001", "session/wait", wait),
        cancel({ id: "1001" }),
      ]),
    );
    equal((await client.answer("1001")).error?.code, -32800);
    equal(
      client.received.find((one) => one.id === 1001),
      undefined,
    );
    await client.call("session/cancel", { sessionId: id });
    equal((await client.answer(1001)).result.completions[0].status, "cancelled");
  });

  it("is ignored without an id, with a strange one, and for a request that is not there", async () => {
    const client = await wire.socket();
    await client.open();
    const strange = [undefined, null, {}, [], { id: null }, { id: {} }, { id: [1] }, { id: 1.5 }];
    for (const params of [...strange, { id: 99 }, { id: "no" }, "id", 3])
      client.write(cancel(params));
    equal((await client.ask("daemon/status")).error, undefined);
    const answers = client.received.filter(({ id }) => id === null);
    deepEqual(
      answers.map(({ error }) => error?.code),
      [-32600, -32600],
    );
    equal(client.received.length, 4);
  });

  it("does not touch the request of another client", async () => {
    const [one, other] = await Promise.all([wire.socket(), wire.socket()]);
    await Promise.all([one.open(), other.open()]);
    const id = await wire.client.shell("sleep 1000");
    const asked = one.ask("session/wait", { sessionIds: [id] }, 7);
    await one.ask("daemon/status");
    other.notify("$/cancelRequest", { id: 7 });
    await other.ask("daemon/status");
    await one.ask("daemon/status");
    equal(
      one.received.find((message) => message.id === 7),
      undefined,
    );
    await one.call("session/cancel", { sessionId: id });
    equal((await asked).result.completions.length, 1);
  });

  it("leaves nothing behind of what the client had asked when its connection closes", async () => {
    const client = await wire.socket();
    await client.open();
    const id = await wire.client.shell("sleep 1000");
    for (let n = 0; n < 50; n += 1) void client.ask("session/wait", { sessionIds: [id] });
    await client.ask("daemon/status");
    const before = (await wire.client.call("daemon/status", {})).clients;
    await client.destroy();
    await waitFor(
      async () => (await wire.client.call("daemon/status", {})).clients === before - 1,
      "the core to forget the client",
    );
    await wire.client.call("session/cancel", { sessionId: id });
    const { completions } = await wire.client.call("session/wait", { sessionIds: [id] });
    equal(completions.length, 1);
  });
});
