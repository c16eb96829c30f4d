import { deepEqual, equal, match, ok } from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import type { Config } from "../../protocol/config.ts";
import type { AgentInfo } from "../../protocol/daemon.ts";
import type { RawClient } from "../support/rawClient.ts";
import { waitFor } from "../support/waitFor.ts";
import { wireSuite } from "../support/wire.ts";

const agent = (name: string) =>
  ({ name, runner: { kind: "command", command: "/bin/true" } }) as const;

describe("wire: the configuration", () => {
  const wire = wireSuite();
  const file = () => wire.daemon.environment["OFFSHOOT_CONFIG"] ?? "";
  beforeEach(() => wire.daemon.configure({}));

  async function client(options: object = {}): Promise<RawClient> {
    const one = await wire.socket();
    await one.open(options);
    return one;
  }
  /** Of those that are built in only the shell, which is there on every machine. */
  const list = async (one: RawClient): Promise<AgentInfo[]> =>
    (await one.call("agent/list")).agents.filter(
      ({ name, source }: AgentInfo) => source !== "built-in" || name === "shell",
    );
  const names = async (one: RawClient) => (await list(one)).map(({ name }) => name);
  const spawn = (one: RawClient, params: object = {}) =>
    one.ask("session/spawn", { prompt: "true", cwd: wire.daemon.work, autoRun: false, ...params });

  describe("file of the user", () => {
    it("counts at once when it changes, without a restart", async () => {
      const one = await client();
      const pid = await wire.daemon.corePid();
      deepEqual(await names(one), ["shell"]);
      wire.daemon.configure({
        agents: [agent("new")],
        limits: { maxDepth: 2 },
        defaultAgent: "new",
      });
      deepEqual(await names(one), ["shell", "new"]);
      equal((await list(one))[1]?.source, file());
      equal((await one.call("daemon/status")).limits.maxDepth, 2);
      equal((await spawn(one)).result.session.agent, "new");
      rmSync(file());
      deepEqual(await names(one), ["shell"]);
      deepEqual((await one.call("daemon/status")).limits.concurrency, { total: 6, perRoot: 4 });
      equal(await wire.daemon.corePid(), pid);
    });

    it("lets more runs start as soon as it allows them", async () => {
      wire.daemon.configure({ concurrency: { total: 1 } });
      const one = await client();
      const ids = [];
      for (let n = 0; n < 3; n += 1) {
        ids.push((await spawn(one, { prompt: "sleep 1000", autoRun: true })).result.session.id);
      }
      const running = async () => (await one.call("daemon/status")).running;
      await waitFor(async () => (await running()) === 1, "one run");
      wire.daemon.configure({ concurrency: { total: 3 } });
      await waitFor(async () => (await running()) === 3, "three runs");
      for (const sessionId of ids) await one.call("session/cancel", { sessionId });
      await one.call("session/wait", { sessionIds: ids });
    });

    it("shows its faults in daemon/status and daemon/statusChanged, and the rest is used", async () => {
      const one = await client();
      await one.call("tree/subscribe");
      const faulty = {
        agents: [agent("fine"), { name: "broken" }, { ...agent("x"), runner: { kind: "acp" } }],
        heartbeatMs: "often",
        toString: 1,
        ["__proto__x"]: 2,
        queue: { perRoot: 7 },
      };
      writeFileSync(file(), JSON.stringify(faulty));
      const status = await one.call("daemon/status");
      equal(status.health, "degraded");
      const paths = [
        "agents[1].runner",
        "agents[2].runner.command",
        "heartbeatMs",
        "toString",
        "__proto__x",
      ];
      for (const path of paths) ok(status.message.includes(`${file()}: ${path}: `), status.message);
      equal(
        status.message.match(/Correct it; the rest of the configuration is used\./g)?.length,
        5,
      );
      equal(status.limits.queue.perRoot, 7);
      equal(status.limits.heartbeatMs, 5000);
      deepEqual(await names(one), ["shell", "fine"]);
      await waitFor(() => one.of("daemon/statusChanged").length === 1, "the notification");
      deepEqual(one.of("daemon/statusChanged"), [{ health: "degraded", message: status.message }]);
      wire.daemon.configure({});
      await waitFor(() => one.of("daemon/statusChanged").length === 2, "the notification");
      deepEqual(one.of("daemon/statusChanged")[1], { health: "ok" });
      equal((await one.call("daemon/status")).health, "ok");
    });

    it("takes comments, trailing commas and a byte order mark, and says where it is no JSON", async () => {
      const one = await client();
      const text = `\uFEFF// mine\n{ "agents": [${JSON.stringify(agent("marked"))},], /* all */ }`;
      writeFileSync(file(), text);
      deepEqual(await names(one), ["shell", "marked"]);
      equal((await one.call("daemon/status")).health, "ok");
      writeFileSync(file(), '{\n  "agents": [\n    nonsense\n');
      const { health, message } = await one.call("daemon/status");
      equal(health, "degraded");
      ok(message.startsWith(`${file()}: is not JSON: `), message);
      match(message, /at line 3, column 5\. Correct it; nothing of it is used until then\.$/);
      deepEqual(await names(one), ["shell"]);
      for (const other of ["[]", '"x"', "7", "true"]) {
        writeFileSync(file(), other);
        match((await one.call("daemon/status")).message, /config\.json: must be an object\./);
      }
      equal((await spawn(one)).error, undefined);
    });
  });

  describe("settings of a client", () => {
    const settings: Config = {
      agents: [agent("own")],
      defaultAgent: "own",
      limits: { maxTurns: 5 },
    };

    it("apply to what it spawns, and to nobody else's", async () => {
      wire.daemon.configure({ limits: { maxTurns: 100, maxToolCalls: 7 } });
      const [one, other] = await Promise.all([client({ settings }), client()]);
      deepEqual(
        (await list(one)).map(({ name, source }) => [name, source]),
        [
          ["shell", "built-in"],
          ["own", "client"],
        ],
      );
      const { session } = (await spawn(one)).result;
      deepEqual([session.agent, session.limits], ["own", { maxTurns: 5, maxToolCalls: 7 }]);
      deepEqual(await names(other), ["shell"]);
      const others = (await spawn(other)).result.session;
      deepEqual([others.agent, others.limits], ["shell", { maxTurns: 100, maxToolCalls: 7 }]);
      equal((await spawn(other, { agent: "own" })).error?.code, 1002);
      deepEqual((await one.call("daemon/status")).health, "ok");
    });

    it("are replaced by workspace/didChangeConfiguration, cleared by null, kept by anything else", async () => {
      const [one, other] = await Promise.all([client({ settings }), client()]);
      const change = (params?: unknown) => one.notify("workspace/didChangeConfiguration", params);
      for (const params of [undefined, {}, { settings: null }, { settings: { editor: {} } }, []]) {
        change(params);
        deepEqual(await names(one), ["shell", "own"], JSON.stringify(params));
      }
      change({ settings: { offshoot: { agents: [agent("newer")] } } });
      deepEqual(await names(one), ["shell", "newer"]);
      equal((await spawn(one)).result.session.agent, "shell");
      change({ settings: { offshoot: null } });
      deepEqual(await names(one), ["shell"]);
      deepEqual(await names(other), ["shell"]);
      deepEqual([...one.notifications(), ...other.notifications()], []);
    });

    it("do not fail initialize where they are wrong: it names the faults, the rest counts", async () => {
      const one = await wire.socket();
      const wrong = { agents: [agent("own"), { name: "bad", runner: {} }], colour: "red" };
      const { result } = await one.open({ settings: wrong });
      const { settingsFaults } = result.capabilities.experimental.offshoot;
      equal(settingsFaults.length, 2);
      match(settingsFaults[0], /^client settings: agents\[1\]\.runner\.kind: .*Correct it/);
      match(settingsFaults[1], /^client settings: colour: is not a setting; there are: agents/);
      deepEqual(await names(one), ["shell", "own"]);
      deepEqual((await one.call("agent/list")).faults, settingsFaults);
      match(
        (await spawn(one, { agent: "bad" })).error?.message ?? "",
        /client settings: agents\[1\]/,
      );
      for (const strange of [[], "x", 7]) {
        const { error } = await (await wire.socket()).open({ settings: strange });
        equal(error, undefined);
      }
    });
  });
});
