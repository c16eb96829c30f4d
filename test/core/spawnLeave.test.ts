/** A child gets no more than its parent, whatever its parent spawns it with. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Permissions } from "../../protocol/config.ts";
import { checkLeaks } from "../support/leaks.ts";
import { startModelDaemon, type ModelDaemon } from "../support/modelDaemon.ts";
import { script } from "../support/modelServer.ts";
import { waitFor } from "../support/waitFor.ts";

describe("what the agent of a run may spawn", () => {
  checkLeaks();
  let house: ModelDaemon;
  before(async () => void (house = await startModelDaemon()));
  after(() => house.stop());

  let count = 0;
  /** A run that spawns a shell, or what `input` says, and goes on whatever comes of it. */
  async function spawner(permissions: Permissions, input: object = {}) {
    count += 1;
    const name = `made-${count}`;
    const call = { agent: "shell", prompt: `touch ${name}`, wait: true, ...input };
    const prompt = script(
      `spawn ${name}`,
      { calls: [{ name: "spawn_agent", input: call }] },
      { text: "Over." },
    );
    const id = await house.spawn(prompt, { overrides: { permissions } });
    return { id, isMade: () => existsSync(join(house.daemon.work, name)), name };
  }
  const outputs = (id: string) => JSON.stringify(house.events(id, "tool.completed"));
  const asked = (id: string) =>
    house.client.of("approval/requested").filter(({ approval }) => approval.sessionId === id);
  async function answer(id: string, decision: "allowOnce" | "denyOnce", input?: object) {
    const [{ approval } = { approval: undefined }] = await waitFor(() => {
      const found = asked(id);
      return found.length > 0 && found;
    }, "the question");
    ok(approval);
    const params = { approvalId: approval.id, decision, ...(input && { input }) };
    await house.client.call("approval/respond", params);
    return approval;
  }

  it("is no command where it may run none", async () => {
    const { id, isMade } = await spawner({ mode: "plan" });
    equal((await house.client.completion(id)).result, "Over.");
    match(outputs(id), /must not be spawned: the permissions of this session do not allow it/);
    deepEqual([asked(id).length, isMade()], [0, false]);
  });

  it("is a command that is asked for where commands are, once", async () => {
    const denied = await spawner({ mode: "ask" });
    const { toolName, input } = await answer(denied.id, "denyOnce");
    deepEqual([toolName, input], ["run_command", { command: `touch ${denied.name}` }]);
    equal((await house.client.completion(denied.id)).result, "Over.");
    equal(denied.isMade(), false);

    const allowed = await spawner({ mode: "ask" });
    await answer(allowed.id, "allowOnce");
    equal((await house.client.completion(allowed.id)).result, "Over.");
    deepEqual([asked(allowed.id).length, allowed.isMade()], [1, true]);

    const changed = await spawner({ mode: "ask" });
    await answer(changed.id, "allowOnce", { command: "echo something else" });
    equal((await house.client.completion(changed.id)).result, "Over.");
    match(outputs(changed.id), /something else/);
    equal(changed.isMade(), false);
  });

  it("is what it likes where it may do everything", async () => {
    const { id, isMade } = await spawner({ mode: "auto" });
    equal((await house.client.completion(id)).result, "Over.");
    deepEqual([asked(id).length, isMade()], [0, true]);
  });

  it("is what rules say, of spawns and of commands", async () => {
    for (const tool of ["spawn_agent", "run_command", "execute"]) {
      const { id, isMade } = await spawner({ mode: "auto", rules: [{ tool, decision: "deny" }] });
      equal((await house.client.completion(id)).result, "Over.");
      match(outputs(id), /must not be spawned/, tool);
      equal(isMade(), false, tool);
    }
  });

  it("works inside the folder of whoever spawns it", async () => {
    for (const cwd of ["/", "..", house.daemon.home]) {
      const input = { agent: "scripted", prompt: "look", cwd };
      const { id } = await spawner({ mode: "auto" }, input);
      equal((await house.client.completion(id)).result, "Over.");
      match(outputs(id), /has to lie in .*, the folder of the session that spawns it/);
    }
  });
});
