import { deepEqual, equal, ok } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { endedInOrder, gate, processesOf, refusal, sessionOf, until } from "../support/runs.ts";

describe("nesting", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  before(async () => {
    daemon = startDaemon({ concurrency: { total: 6, perRoot: 6 } });
    client = await daemon.client();
  });
  after(() => daemon.stop());

  const childrenOf = async (parentId: string) =>
    (await client.call("session/list", { parentId })).sessions.toReversed();

  it("goes on as deep as it may, and every level waits for the next", async () => {
    const level = "offshoot wait $(offshoot spawn -- sh next) && echo back";
    writeFileSync(
      `${daemon.work}/next`,
      "n=$(cat depth); echo $((n + 1)) > depth; [ $n -lt 3 ] || exec echo deepest; " + level,
    );
    writeFileSync(`${daemon.work}/depth`, "1");
    const id = await client.shell(level);
    equal((await client.completion(id)).status, "completed");
    const chain = [id];
    for (
      let [below] = await childrenOf(id);
      below !== undefined;
      [below] = await childrenOf(below.id)
    ) {
      equal(below.status, "completed");
      chain.push(below.id);
    }
    deepEqual(
      (await Promise.all(chain.map((one) => sessionOf(client, one)))).map(({ depth }) => depth),
      [1, 2, 3, 4],
    );
    deepEqual(
      endedInOrder(client).filter((one) => chain.includes(one)),
      chain.toReversed(),
    );
  });

  it("leaves children alone whose parent ends by itself", async () => {
    const held = gate(daemon.work);
    const id = await client.shell(
      `offshoot spawn -- "${held.wait}; echo child" >/dev/null; echo parent`,
    );
    equal((await client.completion(id)).status, "completed");
    const [child] = await childrenOf(id);
    await held.reached();
    await until(client, child?.id ?? "", "running");
    held.open();
    equal((await client.completion(child?.id ?? "")).result, "child\n");
  });

  it("tells a parent what becomes of its children", async () => {
    const held = gate(daemon.work);
    const id = await client.shell(held.wait);
    await held.reached();
    for (const command of ["true", "false"]) {
      await client.completion(await client.shell(command, { parentId: id }));
    }
    held.open();
    await client.completion(id);
    const [a, b] = await childrenOf(id);
    const told = client
      .of("subAgent/event")
      .flatMap(({ childSessionId, event }) =>
        childSessionId === id && event.type === "child"
          ? [[event.childSessionId, event.state]]
          : [],
      );
    for (const [child, end] of [
      [a, "completed"],
      [b, "error"],
    ] as const) {
      deepEqual(
        told.filter(([of]) => of === child?.id).map(([, state]) => state),
        ["queued", "running", end],
      );
    }
  });

  it("ends everything that a run leaves behind before it is complete", async () => {
    const stubborn = 'trap "" TERM; while :; do sleep 1000; done';
    const id = await client.shell(
      `sh -c '${stubborn}' & setsid sh -c '${stubborn}' & ` +
        `(setsid sh -c 'while :; do echo holds stdout; sleep 0.01; done' &); echo done`,
    );
    const completion = await client.completion(id);
    equal(completion.status, "completed");
    deepEqual(processesOf(completion.runId), []);
    ok(completion.result?.includes("done\n"));
    const { events } = await client.call("session/events", { sessionId: id, limit: 1000 });
    ok(
      events.some(({ event }) => event.type === "note" && /^ended \d+ background/.test(event.text)),
    );
  });

  it("is refused under what does not exist, with agents and folders that do not, and stores nothing", async () => {
    const { sessions } = await client.call("daemon/status", {});
    const codes = [
      client.shell("true", { parentId: "nobody" }),
      client.shell("true", { agent: "nobody" }),
      client.shell("true", { cwd: `${daemon.work}/nowhere` }),
    ].map(async (spawn) => (await refusal(spawn)).code);
    deepEqual(await Promise.all(codes), [1001, 1002, 1013]);
    equal((await client.call("daemon/status", {})).sessions, sessions);
  });

  it("asks for one session per key, however often and fast", async () => {
    const spawn = () => client.shell("echo once", { requestKey: "key" });
    const ids = await Promise.all([spawn(), spawn(), spawn(), spawn()]);
    await client.completion(ids[0] ?? "");
    ids.push(await spawn());
    equal(new Set(ids).size, 1);
    equal(endedInOrder(client).filter((id) => id === ids[0]).length, 1);
  });
});
