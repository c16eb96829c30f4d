import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { commands } from "vscode";
import { waitFor } from "../../support/waitFor.ts";
import { extension } from "./host.ts";

const stateFolder = String(process.env["OFFSHOOT_STATE_DIR"]);

describe("the activation of the extension", () => {
  it("waits until the view or a command needs it", () => {
    assert.equal(extension().isActive, false);
    assert.equal(existsSync(stateFolder), false);
  });

  it("starts no daemon by itself", async function () {
    const startedAt = performance.now();
    await extension().activate();
    // Told, and not checked: machines differ.
    const tookMs = Math.round(performance.now() - startedAt);
    if (this.test !== undefined) this.test.title += ` (loaded and activated in ${tookMs} ms)`;
    assert.equal(existsSync(stateFolder), false);
  });

  it("registers every command that it contributes", async () => {
    const { contributes } = extension().packageJSON as { contributes: Contributions };
    const registered = new Set(await commands.getCommands(true));
    const missing = contributes.commands.filter(({ command }) => !registered.has(command));
    assert.ok(contributes.commands.length > 0);
    assert.deepEqual(missing, []);
  });

  it("starts a daemon with the view", async () => {
    await commands.executeCommand("offshoot.sessions.focus");
    await waitFor(() => existsSync(stateFolder), "the daemon's state folder");
  });
});

interface Contributions {
  commands: { command: string }[];
}
