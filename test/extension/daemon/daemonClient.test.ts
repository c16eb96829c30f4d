/** The extension's client and its model on a real daemon; only the editor's library is left out. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import type { LanguageClient } from "vscode-languageclient/node";
import type { Connection } from "../../../extension/daemon/connection.ts";
import { DaemonClient } from "../../../extension/daemon/daemonClient.ts";
import { SessionSync } from "../../../extension/daemon/sessionSync.ts";
import { SessionModel } from "../../../extension/sessions/sessionModel.ts";
import type { ClientOptions } from "../../../protocol/daemon.ts";
import { startDaemon, type TestClient, type TestDaemon } from "../../support/daemon.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { waitFor } from "../../support/waitFor.ts";

/** A front as the extension has one: `open` is what connection.ts does with the editor's library. */
function opener(daemon: TestDaemon) {
  const fronts: TestClient[] = [];
  const opened: ClientOptions[] = [];
  const faults: Error[] = [];
  return {
    ...{ fronts, opened, faults },
    async open(
      prepare: (client: LanguageClient) => void,
      options: ClientOptions,
    ): Promise<Connection> {
      opened.push(options);
      const fault = faults.shift();
      if (fault !== undefined) throw fault;
      const front = await daemon.client({ ...options, subscribe: "nothing" });
      fronts.push(front);
      // The library's client and the test's connection agree in all that is used of them.
      const client = front.connection as unknown as LanguageClient;
      prepare(client);
      const lost = new Promise<void>((resolve) => front.process.once("exit", () => resolve()));
      return { client, lost, stop: async () => void (await front.close()) };
    },
  };
}

const log = { error: () => undefined, warn: () => undefined, debug: () => undefined };

function clientOf(open: ReturnType<typeof opener>["open"]): DaemonClient {
  const quick = { waitsMs: [1, 2, 4], stableMs: 60_000 };
  return new DaemonClient({ open, isTrusted: () => true, log, ...quick });
}

describe("the extension's client", () => {
  checkLeaks();

  let daemon: TestDaemon;
  before(() => {
    daemon = startDaemon();
  });
  after(() => daemon.stop());

  it("follows the sessions through the death of its front, and misses no completion", async () => {
    const { open, fronts, opened } = opener(daemon);
    const client = clientOf(open);
    const model = new SessionModel();
    const following = new SessionSync(client, model, log);
    const completed: [string, boolean][] = [];
    client.on("subAgent/completed", ({ childSessionId, replayed = false }) => {
      completed.push([childSessionId, replayed]);
    });
    const states: string[] = [];
    client.onDidChangeState(({ kind }) => states.push(kind));

    await client.start().then(() => following.upToDate());
    ok(following.isUpToDate);
    const spawn = async (prompt: string) =>
      (await client.call("session/spawn", { prompt, cwd: daemon.work })).session.id;
    const first = await spawn("true");
    await waitFor(() => model.get(first)?.status === "completed", "the first to be over");
    await waitFor(() => completed.length === 1, "its completion");

    const second = await spawn(`until [ -e ${daemon.work}/go ]; do sleep 0.01; done`);
    await waitFor(() => model.get(second)?.status === "running", "the second to run");
    const other = await daemon.client();
    await fronts[0]?.crash();
    await waitFor(() => fronts.length === 2, "another front");
    await client.start().then(() => following.upToDate());
    await other.shell(`touch ${daemon.work}/go`);
    await waitFor(() => model.get(second)?.status === "completed", "the second to be over");
    await waitFor(() => completed.some(([id]) => id === second), "its completion");
    // What was heard before the crash was not sent again.
    equal(completed.filter(([id]) => id === first).length, 1);
    deepEqual(states, ["connecting", "connected", "lost", "connecting", "connected"]);
    deepEqual(
      opened.map(({ clientName, workspaceTrusted }) => [clientName, workspaceTrusted]),
      Array.from({ length: 2 }, () => ["vscode", true]),
    );
    await client.dispose();
    await other.close();
  });

  it("hears again of what ended while it had no front", async () => {
    const { open, fronts, faults } = opener(daemon);
    const client = clientOf(open);
    const model = new SessionModel();
    const following = new SessionSync(client, model, log);
    const replayed: string[] = [];
    client.on("subAgent/completed", (completion) => {
      if (completion.replayed === true) replayed.push(completion.childSessionId);
    });
    await client.start().then(() => following.upToDate());
    const other = await daemon.client();
    const id = await other.shell(`until [ -e ${daemon.work}/on ]; do sleep 0.01; done`);
    await waitFor(() => model.get(id)?.status === "running", "it to run");
    // Attempts that fail leave time in which it ends.
    faults.push(new Error("not yet"));
    client.onDidChangeState(({ kind }) => {
      if (kind === "connecting") return;
      if (kind === "lost" && replayed.length === 0) void other.shell(`touch ${daemon.work}/on`);
    });
    await fronts[0]?.crash();
    await waitFor(() => fronts.length === 2, "another front");
    await waitFor(() => model.get(id)?.status === "completed", "its end");
    await client.dispose();
    await other.close();
  });

  it("goes on with another core after the death of its own", async () => {
    const { open } = opener(daemon);
    const client = clientOf(open);
    const model = new SessionModel();
    const following = new SessionSync(client, model, log);
    await client.start().then(() => following.upToDate());
    const asked = { prompt: "sleep 1000", cwd: daemon.work };
    const { session } = await client.call("session/spawn", asked);
    await waitFor(() => model.get(session.id)?.status === "running", "it to run");
    await daemon.killCore();
    await waitFor(() => model.get(session.id)?.status === "interrupted", "the truth");
    equal(client.state.kind, "connected");
    await client.dispose();
  });

  it("moves up those behind in the queue, of which nothing is told", async () => {
    const narrow = startDaemon({ concurrency: { total: 1, perRoot: 1 } });
    const { open } = opener(narrow);
    const client = clientOf(open);
    const model = new SessionModel();
    const following = new SessionSync(client, model, log);
    await client.start().then(() => following.upToDate());
    const spawn = async () => {
      const asked = { prompt: "sleep 1000", cwd: narrow.work };
      return (await client.call("session/spawn", asked)).session.id;
    };
    const [running, next, last] = [await spawn(), await spawn(), await spawn()];
    const place = (id: string) => {
      const session = model.get(id);
      return session?.status === "queued" ? session.position : undefined;
    };
    await waitFor(() => place(last) === 2, "the second place");
    await client.call("session/cancel", { sessionId: next });
    await waitFor(() => place(last) === 1, "the first place");
    await client.call("session/cancel", { sessionId: last });
    await client.call("session/cancel", { sessionId: running });
    await waitFor(() => model.get(running)?.status === "cancelled", "the end");
    await client.dispose();
    await narrow.stop();
  });

  it("sends changed settings, and sends them again with another connection", async () => {
    const { open, opened } = opener(daemon);
    const client = clientOf(open);
    client.configure({ defaultAgent: "one" });
    await client.start();
    const echo = { name: "two", runner: { kind: "command" as const, command: "/bin/echo" } };
    client.configure({ agents: [echo] });
    const agents = async () => (await client.call("agent/list", {})).agents.map(({ name }) => name);
    ok((await agents()).includes("two"));
    await client.restart();
    ok((await agents()).includes("two"));
    deepEqual(
      opened.map(({ settings }) => settings),
      [{ defaultAgent: "one" }, { agents: [echo] }],
    );
    await client.dispose();
  });

  it("gives up after three more attempts, says why, and begins anew when it is asked to", async () => {
    const { open, opened, faults } = opener(daemon);
    const client = clientOf(open);
    const states: string[] = [];
    client.onDidChangeState(({ kind }) => states.push(kind));
    faults.push(...Array.from({ length: 4 }, (_, n) => new Error(`no core ${n}`)));
    await rejects(client.start(), /no core 3/);
    equal(opened.length, 4);
    deepEqual(client.state, { kind: "gone", why: "no core 3" });
    equal(states.filter((kind) => kind === "gone").length, 1);
    await rejects(client.call("daemon/status", {}), /no connection to the daemon: no core 3/);
    await client.start();
    equal(client.state.kind, "connected");
    await client.dispose();
  });

  it("does not try again where the core speaks another version", async () => {
    const { open, opened, faults } = opener(daemon);
    const client = clientOf(open);
    const mismatch = Object.assign(new Error("other"), { data: { kind: "versionMismatch" } });
    faults.push(mismatch);
    await rejects(client.start(), /other/);
    equal(opened.length, 1);
    equal(client.state.kind, "gone");
    await client.dispose();
  });
});
