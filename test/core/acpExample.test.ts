/** The example agent that the Agent Client Protocol's own library ships, through the whole core. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { repository } from "../support/repository.ts";
import { processesOf, storedEvents, until } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

const example = join(repository, "node_modules", "acp-example", "dist", "examples", "agent.js");

describe("the protocol library's example agent", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  before(async () => {
    daemon = startDaemon({
      agents: [
        { name: "example", runner: { kind: "acp", command: process.execPath, args: [example] } },
      ],
    });
    client = await daemon.client();
  });
  after(() => daemon.stop());

  const spawn = () => client.shell("Improve the configuration.", { agent: "example" });

  /** What it asks before it changes a file. */
  async function approvalOf(id: string): Promise<string> {
    const asked = () =>
      client.of("approval/requested").find(({ approval }) => approval.sessionId === id)?.approval;
    await waitFor(() => asked() !== undefined, "its question");
    match(asked()?.title ?? "", /configuration/);
    equal(asked()?.kind, "edit");
    return asked()?.id ?? "";
  }

  for (const [decision, tool] of [
    ["allowOnce", "completed"],
    ["denyOnce", "denied"],
  ] as const) {
    it(`reads, asks, is answered ${decision}, and ends its turn`, async () => {
      const id = await spawn();
      const approvalId = await approvalOf(id);
      equal((await until(client, id, "suspended")).waitingFor.kind, "approval");
      await client.call("approval/respond", { approvalId, decision });
      const { status, result } = await client.completion(id);
      equal(status, "completed");
      ok((result ?? "").length > 0);
      const ends = (await storedEvents(client, id)).flatMap((event) =>
        event.type === "tool.completed" ? [[event.toolUseId, event.status]] : [],
      );
      deepEqual(ends, [
        ["call_1", "completed"],
        ["call_2", tool],
      ]);
    });
  }

  it("is cancelled while it asks, without a trace", async () => {
    const id = await spawn();
    await approvalOf(id);
    const { runId } = await until(client, id, "suspended");
    await client.call("session/cancel", { sessionId: id });
    equal((await client.completion(id)).status, "cancelled");
    deepEqual(processesOf(runId), []);
    deepEqual((await client.call("approval/list", {})).approvals, []);
  });
});
