/** What "Run Again" makes of a session, with a real daemon. */
import { deepEqual, equal } from "node:assert/strict";
import { runAgain } from "../../../extension/commands/runAgain.ts";
import { startDaemon, type TestClient, type TestDaemon } from "../../support/daemon.ts";
import { checkLeaks } from "../../support/leaks.ts";

describe("running a session again", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  before(async () => {
    daemon = startDaemon();
    client = await daemon.client();
  });
  after(() => daemon.stop());

  const sessionOf = async (sessionId: string) =>
    (await client.call("session/get", { sessionId })).session;
  const told = async (sessionId: string) =>
    (await client.call("session/messages", { sessionId })).messages
      .filter(({ role }) => role === "user")
      .map(({ text }) => text);

  it("says the last thing again where it has been read, also after a run without work", async () => {
    const id = await client.shell("echo one");
    await client.completion(id);
    await runAgain(client, await sessionOf(id));
    equal((await client.completion(id, 2)).result, "one\n");
    await client.call("session/run", { sessionId: id });
    equal((await client.completion(id, 3)).status, "skipped");
    await runAgain(client, await sessionOf(id));
    equal((await client.completion(id, 4)).result, "one\n");
    deepEqual(await told(id), ["echo one", "echo one", "echo one"]);
  });

  it("only runs where the last thing is still to be read", async () => {
    const failed = await client.shell("exit 3");
    await client.completion(failed);
    await runAgain(client, await sessionOf(failed));
    equal((await client.completion(failed, 2)).status, "error");
    deepEqual(await told(failed), ["exit 3"]);

    const slow = await client.shell("sleep 1000");
    await client.call("session/cancel", { sessionId: slow });
    await client.completion(slow);
    await runAgain(client, await sessionOf(slow));
    await client.call("session/cancel", { sessionId: slow });
    equal((await client.completion(slow, 2)).status, "cancelled");
    deepEqual(await told(slow), ["sleep 1000"]);

    const created = await client.shell("echo new", { autoRun: false });
    await runAgain(client, await sessionOf(created));
    equal((await client.completion(created)).result, "new\n");
  });
});
