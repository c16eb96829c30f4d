import { equal } from "node:assert/strict";
import type { Config } from "../../protocol/config.ts";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { rawFront, type RawClient } from "../support/rawClient.ts";
import { gate, refusal } from "../support/runs.ts";

/** One run at a time; the agent `named` says its name, and in which language it works. */
const configured = (name: string): Config => ({
  concurrency: { total: 1, perRoot: 1 },
  agents: [
    {
      name: "named",
      runner: { kind: "command", command: "/bin/sh", args: ["-c", `echo ${name} $LANG`] },
    },
  ],
});

describe("another run of a session", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  let other: RawClient;
  beforeEach(async () => {
    daemon = startDaemon(configured("old"));
    client = await daemon.client();
    other = rawFront({ ...daemon, environment: { ...daemon.environment, LANG: "eo" } });
    await other.open();
  });
  afterEach(async () => {
    await other.destroy();
    await daemon.stop();
  });

  async function spawn(prompt: string, agent: string): Promise<string> {
    const params = { prompt, agent, cwd: daemon.work };
    return (await other.call("session/spawn", params)).session.id;
  }

  it("that is refused changes nothing of the run that there is", async () => {
    const held = gate(daemon.work);
    const live = await spawn(`${held.wait}; offshoot spawn 'echo child $LANG'`, "shell");
    await held.reached();
    const queued = await spawn("x", "named");
    daemon.configure(configured("new"));
    for (const sessionId of [live, queued]) {
      equal((await refusal(client.call("session/run", { sessionId }))).code, 1003);
    }
    held.open();
    await client.completion(live);
    equal((await client.completion(queued)).result, "old eo\n");
    const { sessions } = await client.call("session/list", { parentId: live });
    equal((await client.completion(sessions[0]?.id ?? "")).result, "child eo\n");
  });

  it("has the agent as it is configured by then, and the environment of who asks for it", async () => {
    const id = await spawn("x", "named");
    equal((await client.completion(id)).result, "old eo\n");
    daemon.configure(configured("new"));
    await client.call("session/send", { sessionId: id, text: "again" });
    const ownLanguage = process.env["LANG"] ?? "";
    equal((await client.completion(id, 2)).result, `new ${ownLanguage}`.trimEnd() + "\n");
  });
});
