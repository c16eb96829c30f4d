import { deepEqual } from "node:assert/strict";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { gate, until, type Gate } from "../support/runs.ts";

describe("a program inside a run", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  let inside: TestClient;
  let held: Gate;
  let self: string;
  before(async () => {
    daemon = startDaemon();
    client = await daemon.client();
    held = gate(daemon.work);
    self = await client.shell(held.wait);
    await held.reached();
    const { runId } = await until(client, self, "running");
    inside = await daemon.client({ subscribe: "nothing", run: { sessionId: self, runId } });
  });
  after(() => daemon.stop());

  const idle = (parentId: string) => client.shell("true", { parentId, autoRun: false });

  /** `done`, or the code of the error. */
  const outcomes = async (sessionId: string) => {
    const requests = [
      inside.call("session/rename", { sessionId, title: "another" }),
      inside.call("session/run", { sessionId }),
      inside.call("session/send", { sessionId, text: "true" }),
    ];
    const answers = await Promise.allSettled(requests);
    return answers.map((one) => (one.status === "fulfilled" ? "done" : one.reason.code));
  };

  it("can rename, run and send to its own session and those below it, and no other", async () => {
    const { session: root } = await client.call("session/create", { cwd: daemon.home });
    const { session } = await client.call("session/get", { sessionId: self });
    const table: [place: string, sessionId: string, ...outcomes: (string | number)[]][] = [
      ["below", await idle(self), "done", "done", "done"],
      ["its own, which is live", self, "done", 1003, "done"],
      ["beside", await idle(session.rootId), 1005, 1005, 1005],
      ["above", session.rootId, 1005, 1005, 1005],
      ["in another tree", await idle(root.id), 1005, 1005, 1005],
    ];
    for (const [place, sessionId, ...expected] of table) {
      deepEqual([place, ...(await outcomes(sessionId))], [place, ...expected]);
    }
  });
});
