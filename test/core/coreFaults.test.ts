/** Faults in the core's own code, planted from outside: what the log says and what goes on. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { gate, sessionOf, until } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

const planted = `
  process.on("SIGUSR2", () => void Promise.reject(new Error("a planted rejection")));
  process.on("SIGVTALRM", () => { throw new Error("a planted exception"); });
  process.on("SIGXFSZ", () => {
    process.getBuiltinModule("net").Server.prototype.close = () => {
      throw new Error("a planted fault of the stop");
    };
  });
`;

describe("a fault in the core itself", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  beforeEach(async () => {
    daemon = startDaemon();
    const file = join(daemon.work, "planted.mjs");
    writeFileSync(file, planted);
    daemon.environment["NODE_OPTIONS"] = `--import=${file}`;
    client = await daemon.client();
  });
  afterEach(() => daemon.stop());

  interface Line {
    level: number;
    msg: string;
    step?: string;
    err?: { message: string; stack: string };
  }
  const errors = () =>
    daemon
      .log()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Line)
      .filter(({ level }) => level >= 50);

  it("that rejects a promise which nobody handles is logged, and the core goes on", async () => {
    const pid = await daemon.corePid();
    process.kill(pid, "SIGUSR2");
    const fault = await waitFor(() => errors()[0], "the line in the log");
    match(fault.err?.stack ?? "", /^Error: a planted rejection\n +at /);
    const id = await client.shell("echo goes on");
    equal((await client.completion(id)).result, "goes on\n");
    equal(await daemon.corePid(), pid);
  });

  it("that throws outside of everything is logged, and the core ends for another one", async () => {
    const pid = await daemon.corePid();
    process.kill(pid, "SIGVTALRM");
    await waitFor(() => !isAlive(pid), "the core to be gone");
    match(errors()[0]?.err?.stack ?? "", /^Error: a planted exception\n +at /);
    await waitFor(() => client.of("daemon/restarted").length > 0, "another core");
  });

  it("in one step of an orderly stop is logged, and the other steps are taken", async () => {
    const held = gate(daemon.work);
    const id = await client.shell(held.wait);
    await held.reached();
    await until(client, id, "running");
    const pid = await daemon.corePid();
    process.kill(pid, "SIGXFSZ");
    await client.call("daemon/status", {});
    process.kill(pid, "SIGTERM");
    equal((await client.completion(id)).reason, "host_shutdown");
    await waitFor(() => !isAlive(pid), "the core to be gone");
    deepEqual(
      errors().map(({ step, err }) => [step, err?.message]),
      [["close the socket", "a planted fault of the stop"]],
    );
    ok(daemon.log().includes("the core has stopped"));
    const again = await sessionOf(client, id);
    deepEqual([again.status, "stored" in again && again.stored], ["interrupted", true]);
  });
});
