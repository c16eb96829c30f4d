import { deepEqual, equal } from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { offshoot, startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { rawFront, type RawClient } from "../support/rawClient.ts";

describe("the environment of a run", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  let other: RawClient;
  before(async () => {
    daemon = startDaemon({
      agents: [{ name: "tool", runner: { kind: "command", command: "only-there" } }],
    });
    client = await daemon.client();
    const folder = join(daemon.work, "bin");
    mkdirSync(folder);
    writeFileSync(join(folder, "only-there"), '#!/bin/sh\necho "found by $LANG"\n');
    chmodSync(join(folder, "only-there"), 0o755);
    const environment = { ...daemon.environment, LANG: "eo", SECRET_KEY: "x" };
    other = rawFront({
      ...daemon,
      environment: { ...environment, PATH: `${folder}:${process.env["PATH"]}` },
    });
    await other.open();
  });
  after(async () => {
    await other.destroy();
    await daemon.stop();
  });

  async function result(id: string): Promise<string | undefined> {
    return (await client.completion(id)).result;
  }
  const spawn = async (params: object): Promise<string> =>
    (await other.call("session/spawn", { cwd: daemon.work, ...params })).session.id;

  it("is that of the client that spawned it, as far as runs get it", async () => {
    const print = "echo $LANG; echo ${SECRET_KEY-none}";
    equal(await result(await spawn({ prompt: print })), "eo\nnone\n");
    equal(await result(await client.shell(print)), `${process.env["LANG"] ?? ""}\nnone\n`);
  });

  it("is looked through for programs, and says so in the list of agents", async () => {
    const ready = async (answer: Promise<{ agents: { name: string; available: boolean }[] }>) =>
      (await answer).agents.find(({ name }) => name === "tool")?.available;
    deepEqual(
      [await ready(other.call("agent/list")), await ready(client.call("agent/list", {}))],
      [true, false],
    );
    equal(await result(await spawn({ prompt: "x", agent: "tool" })), "found by eo\n");
  });

  it("is that of the parent where a run spawns, and of whoever runs it again", async () => {
    const id = await spawn({ prompt: 'offshoot run "echo child \\$LANG"; echo $LANG' });
    equal(await result(id), "child eo\neo\n");
    const fails = await spawn({ prompt: 'echo $LANG; test "$LANG" = io' });
    equal((await client.completion(fails)).status, "error");
    const environment = { ...daemon.environment, LANG: "io" };
    const again = await offshoot(["retry", "-f", fails], environment, daemon.work);
    deepEqual([again.code, again.stdout], [0, "io\n"]);
  });
});
