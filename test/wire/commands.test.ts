import { deepEqual, equal, ok } from "node:assert/strict";
import { pathToFileURL } from "node:url";
import type { AgentInfo } from "../../protocol/daemon.ts";
import type { RawClient } from "../support/rawClient.ts";
import { wireSuite } from "../support/wire.ts";

describe("wire: workspace/executeCommand", () => {
  const wire = wireSuite({
    agents: [{ name: "yes", runner: { kind: "command", command: "true" } }],
  });
  let client: RawClient;
  let advertised: string[];
  beforeEach(async () => {
    client = await wire.socket();
    const uri = pathToFileURL(wire.daemon.work).href;
    const { result } = await client.open({}, { workspaceFolders: [{ uri, name: "work" }] });
    advertised = result.capabilities.executeCommandProvider.commands;
  });

  const execute = (command: string, ...given: unknown[]) =>
    client.call("workspace/executeCommand", { command, arguments: given });
  const held = async (): Promise<string> => {
    const params = { prompt: "echo hi", autoRun: false };
    return (await client.call("session/spawn", params)).session.id;
  };
  const status = (id: string) =>
    client.call("session/get", { sessionId: id }).then(({ session }) => session.status);

  /** What each command does, with an object and with texts; a new one needs a test here. */
  const checks: Record<string, () => Promise<void>> = {
    async "offshoot.spawn"() {
      const params = { prompt: "echo one", title: "One", cwd: wire.daemon.work, autoRun: false };
      const { session } = await execute("offshoot.spawn", params);
      deepEqual([session.title, session.status, session.agent], ["One", "created", "shell"]);
      const texts = await execute("offshoot.spawn", "echo two");
      deepEqual([texts.session.title, texts.session.cwd], ["echo two", wire.daemon.work]);
      equal((await execute("offshoot.spawn", "x", "yes")).session.agent, "yes");
    },
    async "offshoot.run"() {
      equal((await execute("offshoot.run", { sessionId: await held() })).session.status, "queued");
      equal((await execute("offshoot.run", await held())).session.status, "queued");
    },
    async "offshoot.send"() {
      const params = { sessionId: await held(), text: "and more" };
      deepEqual(await execute("offshoot.send", params), { delivery: "run" });
      const id = await held();
      deepEqual(await execute("offshoot.send", id, "and more"), { delivery: "run" });
      equal(
        (await client.call("session/messages", { sessionId: id })).messages[1].text,
        "and more",
      );
    },
    async "offshoot.cancel"() {
      for (const given of [
        [{ sessionId: await held(), reason: "enough" }],
        [await held(), "enough"],
      ]) {
        deepEqual(await execute("offshoot.cancel", ...given), {});
        const id = typeof given[0] === "string" ? given[0] : (given[0]?.sessionId ?? "");
        const wait = await client.call("session/wait", { sessionIds: [id] });
        deepEqual(
          [wait.completions[0].status, wait.completions[0].reason],
          ["cancelled", "enough"],
        );
      }
    },
    async "offshoot.pause"() {
      for (const form of ["object", "text"]) {
        const id = await queued();
        deepEqual(await execute("offshoot.pause", form === "text" ? id : { sessionId: id }), {});
        equal(await status(id), "paused");
      }
    },
    async "offshoot.resume"() {
      for (const form of ["object", "text"]) {
        const id = await queued();
        await execute("offshoot.pause", id);
        deepEqual(await execute("offshoot.resume", form === "text" ? id : { sessionId: id }), {});
        equal(await status(id), "queued");
      }
    },
    async "offshoot.list"() {
      const id = await held();
      await client.call("session/spawn", { prompt: "x", title: "NEEDLE", autoRun: false });
      equal((await execute("offshoot.list", { limit: 1 })).sessions.length, 1);
      const [found, ...others] = (await execute("offshoot.list", "needle")).sessions;
      deepEqual([found.title, others], ["NEEDLE", []]);
      ok((await execute("offshoot.list")).sessions.some((one: { id: string }) => one.id === id));
    },
    async "offshoot.delete"() {
      deepEqual(await execute("offshoot.delete", { sessionId: await held() }), { deleted: 1 });
      deepEqual(await execute("offshoot.delete", await held()), { deleted: 1 });
    },
    async "offshoot.agents"() {
      for (const given of [[], [{ cwd: wire.daemon.work }], [wire.daemon.work]]) {
        const { agents } = await execute("offshoot.agents", ...given);
        equal(agents.filter(({ source }: AgentInfo) => source !== "built-in").length, 1);
      }
    },
    async "offshoot.status"() {
      for (const given of [[], [{}], ["x"]])
        equal((await execute("offshoot.status", ...given)).health, "ok");
      const { result } = await client.ask("workspace/executeCommand", {
        command: "offshoot.status",
      });
      equal(result.protocolVersion, 1);
    },
  };

  /** One that waits for its turn: all slots of its root are taken. */
  async function queued(): Promise<string> {
    const { session } = await client.call("session/create", { cwd: wire.daemon.work });
    const spawn = { parentId: session.id, prompt: "sleep 1000" };
    for (let n = 0; n < 4; n += 1) await client.call("session/spawn", spawn);
    return (await client.call("session/spawn", spawn)).session.id;
  }

  afterEach(async () => {
    const { sessions } = await wire.client.call("session/list", {});
    for (const { id, kind } of sessions) {
      if (kind === "root") await wire.client.call("session/delete", { sessionId: id });
    }
  });

  it("knows exactly the commands that initialize names", () => {
    deepEqual(Object.keys(checks), advertised);
  });

  for (const [command, check] of Object.entries(checks)) {
    it(`${command}: takes the params object, or texts in its place`, check);
  }

  it("answers with the errors of the request that it stands for", async () => {
    const { error } = await client.ask("workspace/executeCommand", {
      command: "offshoot.cancel",
      arguments: ["no-such"],
    });
    deepEqual(error?.data, { kind: "sessionNotFound", sessionId: "no-such" });
  });
});
