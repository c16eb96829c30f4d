import assert from "node:assert/strict";
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { randomNumbers } from "./randomNumbers.ts";
import { checkLeaks } from "../support/leaks.ts";
import { waitFor } from "../support/waitFor.ts";
import {
  kill,
  testStateFolder,
  type Answer,
  type FrontClient,
  type TestFolder,
  ofTheEditor,
} from "./frontClient.ts";

describe("front: going on when the core has died", () => {
  checkLeaks();
  let folder: TestFolder;
  beforeEach(() => {
    folder = testStateFolder();
  });
  afterEach(() => folder.clear());

  const numbers = (client: FrontClient, method: string, field: string) =>
    client.received
      .filter((message) => message.method === method)
      .map(({ params }) => params?.[field]);
  /** The core stores this and dies before it tells anybody. */
  const storeUntold = (entry: object) =>
    appendFileSync(join(folder.dir, "stored"), `${JSON.stringify(entry)}\n`);

  /** Asks until a request is answered: the first ones may still reach a core that is dying. */
  const answered = (client: FrontClient, method: string, params?: object): Promise<Answer> =>
    waitFor(async () => {
      const answer = await client.ask(method, params);
      if (answer.error === undefined) return answer;
      assert.equal(answer.error.code, -32603);
    }, "the next core");
  async function askNextCore(client: FrontClient, core: number, method: string): Promise<unknown> {
    kill(core, "SIGKILL");
    return (await answered(client, method)).result;
  }

  it("brings the next core to where the last one was, and tells the client what it missed", async () => {
    const client = folder.client();
    const at = (name: string) => ({ uri: `file:///${name}`, name });
    const core = await client.open({
      clientInfo: { name: "test" },
      processId: process.pid,
      workspaceFolders: [at("a"), at("b")],
    });
    const event = { added: [at("c")], removed: [at("a")] };
    client.notify("workspace/didChangeWorkspaceFolders", { event });
    client.notify("initialized", {});
    client.notify("workspace/didChangeConfiguration", { settings: { n: 1 } });
    client.notify("workspace/didChangeConfiguration", { settings: { n: 2 } });
    await client.ask("model/offer", { models: [{ id: "old" }] });
    await client.ask("model/offer", { models: [{ id: "new" }] });
    await client.ask("daemon/setApiKeys", { apiKeys: { one: "1", two: "2" } });
    await client.ask("daemon/setApiKeys", { apiKeys: { two: null } });
    await client.ask("complete");
    await client.ask("tree/subscribe", { rootIds: ["r"], afterCompletion: 0 });
    await client.ask("session/subscribe", { sessionId: "a" });
    await client.ask("session/subscribe", { sessionId: "b", after: 5 });
    await client.ask("session/subscribe", { sessionId: "c" });
    await client.ask("session/unsubscribe", { sessionId: "c" });
    for (const method of ["complete", "event", "event"])
      await client.ask(method, { sessionId: "a" });
    storeUntold({ completionSeq: 3 });
    storeUntold({ sessionId: "a", seq: 3 });

    assert.deepEqual(await askNextCore(client, core, "told"), [
      {
        method: "initialize",
        params: {
          clientInfo: { name: "test" },
          processId: process.pid,
          workspaceFolders: [at("b"), at("c")],
          ...ofTheEditor,
        },
      },
      { method: "initialized", params: {} },
      { method: "workspace/didChangeConfiguration", params: { settings: { n: 2 } } },
      { method: "model/offer", params: { models: [{ id: "new" }] } },
      { method: "daemon/setApiKeys", params: { apiKeys: { one: "1", two: null } } },
      { method: "tree/subscribe", params: { rootIds: ["r"], afterCompletion: 2 } },
      { method: "session/subscribe", params: { sessionId: "a", after: 2 } },
      { method: "session/subscribe", params: { sessionId: "b", after: 5 } },
    ]);
    await client.ask("complete");
    await client.ask("event", { sessionId: "a" });
    assert.deepEqual(numbers(client, "subAgent/completed", "completionSeq"), [1, 2, 3, 4]);
    assert.deepEqual(numbers(client, "subAgent/event", "seq"), [1, 2, 3, 4]);
    assert.deepEqual(numbers(client, "session/changed", "session"), [{ id: "s1", version: 3 }]);
    assert.equal(numbers(client, "daemon/restarted", "").length, 1);
    const strangers = client.received.filter(({ id }) => typeof id === "string");
    assert.deepEqual(strangers, []);
    assert.equal(client.stderr(), "");
  });

  it("answers what was in flight with an error, and what comes meanwhile from the next core", async () => {
    const client = folder.client();
    const core = await client.open();
    const inFlight = [client.ask("hang"), client.ask("hang")];
    await client.ask("echo");
    kill(core, "SIGKILL");
    for (const { error } of await Promise.all(inFlight)) {
      assert.equal(error?.code, -32603);
      assert.equal(error.message, "the core ended while this ran; ask again");
    }
    const later = await Promise.all([1, 2, 3].map((n) => client.ask("echo", { n })));
    assert.deepEqual(
      later.map(({ result }) => result),
      [{ n: 1 }, { n: 2 }, { n: 3 }],
    );
    assert.notDeepEqual(folder.corePids(), [core]);
  });

  it("asks for everything that a subscription without afterCompletion was not given", async () => {
    const client = folder.client();
    const core = await client.open();
    await client.ask("complete");
    await client.ask("tree/subscribe");
    storeUntold({ completionSeq: 2 });
    await askNextCore(client, core, "echo");
    assert.deepEqual(numbers(client, "subAgent/completed", "completionSeq"), [2]);
    await client.ask("tree/unsubscribe");
    const told = await askNextCore(client, folder.corePids()[0] ?? 0, "told");
    assert.deepEqual(told, [{ method: "initialize", params: ofTheEditor }]);
  });

  it("sends initialize again when the core died before it had answered", async () => {
    const first = folder.client();
    const core = await first.open();
    kill(core, "SIGSTOP");
    const client = folder.client();
    const opening = client.open({ n: 1 });
    kill(core, "SIGKILL");
    assert.notEqual(await opening, core);
    const { result } = await client.ask("told");
    assert.deepEqual(result, [{ method: "initialize", params: { n: 1, ...ofTheEditor } }]);
  });

  it("ends many clients on one core when it is killed under them", async () => {
    const clients = Array.from({ length: 10 }, () => folder.client());
    const [core] = await Promise.all(clients.map((client) => client.open()));
    for (let round = 1; round <= 3; round += 1) {
      for (const pid of folder.corePids()) kill(pid, "SIGKILL");
      const answers = await Promise.all(clients.map((client) => client.ask("echo", { round })));
      // A request that had reached the core before the kill is answered with an error.
      for (const { result, error } of answers) {
        if (error) assert.equal(error.code, -32603);
        else assert.deepEqual(result, { round });
      }
      await Promise.all(clients.map((client) => client.ask("echo")));
      await waitFor(() => folder.corePids().length === 1, "the cores that came too late to end");
      assert.notDeepEqual(folder.corePids(), [core]);
    }
  });

  it("gives every event and completion once and in order, whenever the core is killed", async () => {
    const alwaysStable = { TINY_STABLE_MS: "0" };
    const watcher = folder.client(alwaysStable);
    const worker = folder.client(alwaysStable);
    await watcher.open();
    await worker.open();
    await watcher.ask("tree/subscribe", { afterCompletion: 0 });
    await watcher.ask("session/subscribe", { sessionId: "a" });
    const random = randomNumbers(7);
    for (let kills = 0; kills < 20; kills += 1) {
      const work = Array.from({ length: 200 }, (_, n) =>
        worker.ask(n % 2 === 0 ? "event" : "complete", { sessionId: "a" }),
      );
      await Promise.race(work.slice(random(200)));
      for (const pid of folder.corePids()) kill(pid, "SIGKILL");
      await Promise.all(work);
    }
    const { result: last } = await answered(worker, "event", { sessionId: "a" });
    const { result: lastCompletion } = await answered(worker, "complete");
    const { seq } = last as { seq: number };
    const { completionSeq } = lastCompletion as { completionSeq: number };
    const seqs = () => numbers(watcher, "subAgent/event", "seq");
    const completions = () => numbers(watcher, "subAgent/completed", "completionSeq");
    await waitFor(() => seqs().at(-1) === seq, "the last event");
    await waitFor(() => completions().at(-1) === completionSeq, "the last completion");
    assert.deepEqual(seqs(), upTo(seq));
    assert.deepEqual(completions(), upTo(completionSeq));
  });

  it("gives up with exit code 1 when cores keep dying", async () => {
    const client = folder.client();
    await client.open();
    const errors: unknown[] = [];
    let ended = false;
    void client.ended.then(() => (ended = true));
    await waitFor(async () => {
      const { error } = await Promise.race([
        client.ask("die"),
        client.ended.then(() => ({ error: undefined })),
      ]);
      if (error) errors.push(error.code);
      return ended;
    }, "the front to give up");
    assert.equal(await client.ended, 1);
    assert.match(client.stderr(), /The core has ended 5 times in a row; see .*core\.log/);
    assert.ok(errors.every((code) => code === -32603));
  });

  it("does not resume after shutdown", async () => {
    const client = folder.client();
    const core = await client.open();
    await client.ask("shutdown");
    kill(core, "SIGKILL");
    const { error } = await client.ask("echo");
    assert.ok(error?.code === -32600 || error?.code === -32603);
    assert.equal((await client.ask("echo")).error?.code, -32600);
    client.notify("exit");
    assert.equal(await client.ended, 0);
    assert.deepEqual(folder.corePids(), []);
  });

  it("starts no core after one that stopped in order, until the client asks for something", async () => {
    const client = folder.client();
    const core = await client.open();
    const idle = folder.client();
    await idle.open();
    const inFlight = client.ask("hang");
    await client.ask("stop");
    const { error } = await inFlight;
    assert.equal(error?.code, 1012);
    assert.deepEqual(error.data, { kind: "shuttingDown" });
    await waitFor(() => folder.corePids().length === 0, "the core to end");
    client.notify("initialized", {});
    const starts = () => readFileSync(folder.logFile, "utf8").split("The core listens.").length - 1;
    assert.equal(starts(), 1);

    assert.deepEqual((await client.ask("echo", { n: 1 })).result, { n: 1 });
    assert.notDeepEqual(folder.corePids(), [core]);
    // The other client is brought along without having asked.
    assert.deepEqual((await idle.ask("echo", { n: 2 })).result, { n: 2 });
    assert.equal(starts(), 2);
  });

  it("answers shutdown itself after a core that stopped in order", async () => {
    const client = folder.client();
    await client.open();
    await client.ask("stop");
    await waitFor(() => folder.corePids().length === 0, "the core to end");
    assert.deepEqual((await client.ask("shutdown")).result, null);
    client.notify("exit");
    assert.equal(await client.ended, 0);
    assert.deepEqual(folder.corePids(), []);
  });
});

const upTo = (last: number) => Array.from({ length: last }, (_, n) => n + 1);
