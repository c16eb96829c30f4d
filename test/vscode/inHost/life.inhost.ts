import assert from "node:assert/strict";
import { commands } from "vscode";
import { waitFor } from "../../support/waitFor.ts";
import { offshoot, openedResult, reached, spawnedByCommandLine } from "./host.ts";

describe("sub-agents in the extension host", () => {
  before(async () => {
    await commands.executeCommand("offshoot.sessions.focus");
  });

  it("run on the host's own Node, and the extension knows their result", async () => {
    const { id } = await reached(await spawnedByCommandLine("echo hi"), "completed");
    assert.equal((await openedResult(id)).trim(), "hi");
  });

  it("are cancelled by command, one of three and no other", async () => {
    const ids = await Promise.all([1, 2, 3].map(() => spawnedByCommandLine("sleep 1000")));
    const [first = "", second = "", third = ""] = ids;
    for (const id of ids) await reached(id, "running");
    await commands.executeCommand("offshoot.view.cancel", second);
    await reached(second, "cancelled");
    await reached(first, "running");
    await reached(third, "running");
    await offshoot("cancel", first, third);
  });

  it("have a true state again after kill -9 of the core", async () => {
    const id = await spawnedByCommandLine("sleep 1000");
    await reached(id, "running");
    const pid = await corePid();
    process.kill(Number(pid), "SIGKILL");
    // The command line starts no core here: the extension's front does.
    await waitFor(async () => ![undefined, pid].includes(await corePid()), "another core");
    await reached(id, "interrupted");
    assert.match(await openedResult(id), /./);
  });
});

async function corePid(): Promise<number | undefined> {
  const answer = await offshoot("status", "--json").catch(() => "{}");
  return (JSON.parse(answer) as { pid?: number }).pid;
}
