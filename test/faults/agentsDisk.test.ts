/** The disk fills up while the built-in agent works: the work goes on, and is known afterwards. */
import { deepEqual, equal, match } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { canMount, mountSmallDisk, type SmallDisk } from "../support/faultDisk.ts";
import { checkLeaks } from "../support/leaks.ts";
import { script, startModelServer, type ModelServer } from "../support/modelServer.ts";
import { waitFor } from "../support/waitFor.ts";

const needsRoot = canMount ? "" : " (NOT RUN: a small disk can only be mounted by root on Linux)";

describe(`a full disk under the built-in agent${needsRoot}`, () => {
  checkLeaks();
  let server: ModelServer;
  let daemon: TestDaemon;
  let disk: SmallDisk;
  let client: TestClient;

  before(async function () {
    if (!canMount) return this.skip();
    server = await startModelServer();
    daemon = startDaemon({
      providers: { scripted: { kind: "openai-compatible", baseUrl: server.baseUrl } },
      agents: [{ name: "scripted", model: "scripted/model", runner: { kind: "model" } }],
      permissions: { mode: "auto" },
    });
    disk = mountSmallDisk(daemon.folder, 8);
    client = await daemon.client();
  });
  after(async () => {
    if (!canMount) return;
    await client.close();
    await daemon.stopCore();
    disk.remove();
    await daemon.stop();
    await server.close();
  });

  const health = async () => (await client.call("daemon/status", {})).health;
  const events = (id: string) =>
    client
      .of("subAgent/event")
      .flatMap(({ childSessionId, event }) => (childSessionId === id ? [event] : []));

  it("ends no run: it completes unstored, says so, and goes on when there is room", async () => {
    const command = "until [ -e go ]; do echo tick; sleep 0.03; done; seq 1 20000";
    const prompt = script(
      "first",
      { calls: [{ name: "run_command", input: { command } }] },
      { text: "All of it is done.", deltas: 10 },
    );
    const { session } = await client.call("session/spawn", {
      ...{ prompt, agent: "scripted", cwd: daemon.work },
    });
    const { id } = session;
    await waitFor(
      () => events(id).some(({ type }) => type === "tool.started"),
      "the command to run",
    );
    disk.fill();
    await waitFor(async () => (await health()) === "degraded", "the core to be degraded");
    writeFileSync(join(daemon.work, "go"), "");
    const { status, result, stored } = await client.completion(id);
    deepEqual([status, result, stored], ["completed", "All of it is done.", false]);
    const output = events(id).find((event) => event.type === "tool.completed");
    match(
      JSON.stringify(output),
      /bytes left out; the full text could not be stored: .*no space left/,
    );
    const notes = events(id).flatMap((event) => (event.type === "note" ? [event.text] : []));
    equal(notes.filter((text) => /cannot be written to disk/.test(text)).length, 1);

    disk.free();
    await waitFor(async () => (await health()) === "ok", "the core to be well again");
    await client.call("session/send", {
      sessionId: id,
      text: script("second", { text: "Here again." }),
    });
    const ends = () => client.of("subAgent/completed").filter((one) => one.childSessionId === id);
    await waitFor(() => ends().at(-1)?.result === "Here again.", "the second run");
    equal(ends().at(-1)?.stored, true);
    match(JSON.stringify(server.requests.at(-1)?.body.messages), /All of it is done/);
  });
});
