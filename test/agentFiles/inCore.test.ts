/** Agents' files, skills and instructions in the whole core: who gets which, and who says so. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Config } from "../../protocol/config.ts";
import type { AgentInfo, ClientOptions } from "../../protocol/daemon.ts";
import { offshoot, startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { script, startModelServer, type ModelServer } from "../support/modelServer.ts";
import { agentFile } from "../support/runContext.ts";
import { refusal, sessionOf } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

/** An own agent that is a program and says who it is, so that nobody needs a model. */
const says = (name: string, word: string) =>
  `---\nname: ${name}\nrunner: { kind: command, command: echo, args: ["${word}"] }\n---\nSay it.\n`;
const profile = (name: string, word: string) => ({
  name,
  runner: { kind: "command" as const, command: "echo", args: [word] },
});

describe("agents' files in the core", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let server: ModelServer;
  let programs: string;
  let config: Config;

  before("start a model and a daemon", async () => {
    server = await startModelServer();
    const scripted = { kind: "openai-compatible", baseUrl: server.baseUrl } as const;
    config = { providers: { scripted } };
    daemon = startDaemon(config);
    programs = join(daemon.home, "bin");
    daemon.environment["PATH"] = `${programs}:/usr/bin:/bin:${dirname(process.execPath)}`;
    await daemon.client({ subscribe: "nothing" });
  });
  after("stop them", async () => {
    await daemon.stop();
    await server.close();
  });
  afterEach("forget the files", () => {
    daemon.configure(config);
    for (const folder of [daemon.home, daemon.work]) {
      for (const name of [".offshoot", ".claude", ".agents", "AGENTS.md", "bin"]) {
        rmSync(join(folder, name), { recursive: true, force: true });
      }
    }
  });

  function write(folder: string, path: string, text: string): string {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }
  const trusting: ClientOptions = { workspaceTrusted: true };

  async function found(client: TestClient, name: string): Promise<AgentInfo | undefined> {
    const { agents } = await client.call("agent/list", { cwd: daemon.work });
    return agents.find((agent) => agent.name === name);
  }

  it("win over what is further away, and lose to the configuration beside them", async () => {
    const settings = { agents: [profile("codex", "client")] };
    const file = ".offshoot/agents/codex.md";
    const steps: [word: string, source: string, client: ClientOptions, undo: () => void][] = [];
    const add = (word: string, source: string, client: ClientOptions, undo: () => void) =>
      steps.unshift([word, source, client, undo]);

    const home = write(daemon.home, file, says("codex", "home"));
    add("home", home, trusting, () => rmSync(home));
    daemon.configure({ ...config, agents: [profile("codex", "user")] });
    const user = daemon.environment["OFFSHOOT_CONFIG"] ?? "";
    add("user", user, trusting, () => daemon.configure(config));
    const near = write(daemon.work, file, says("codex", "workspace"));
    add("workspace", near, trusting, () => rmSync(near));
    const own = { agents: [profile("codex", "configured")] };
    const configured = write(daemon.work, ".offshoot/config.json", JSON.stringify(own));
    add("configured", configured, trusting, () => rmSync(configured));
    add("client", "client", { ...trusting, settings }, () => {});

    for (const [word, source, options, undo] of steps) {
      const client = await daemon.client(options);
      equal((await found(client, "codex"))?.source, source);
      const id = await client.shell("x", { agent: "codex" });
      equal((await client.completion(id)).result, `${word}\n`);
      await client.close();
      undo();
    }
    const client = await daemon.client(trusting);
    equal((await found(client, "codex"))?.source, "built-in");
    await client.close();
  });

  it("of a workspace count for those who trust it, and for what runs inside of their runs", async () => {
    write(daemon.work, ".claude/agents/local.md", "---\ndescription: Local\n---\nGo.");
    const file = write(daemon.work, ".offshoot/agents/local.md", says("local", "local"));
    const inside = "offshoot run --agent local x";
    const withTrust = await daemon.client(trusting);
    equal((await found(withTrust, "local"))?.source, file);
    const trusted = await withTrust.shell(inside);
    equal((await withTrust.completion(trusted)).result, "local\n");
    const [child] = (await withTrust.call("session/list", { parentId: trusted })).sessions;
    equal(child?.agent, "local");

    const without = await daemon.client();
    equal(await found(without, "local"), undefined);
    const plain = await without.shell(`(${inside}; offshoot run --trust --agent local x) 2>&1`);
    const { status, result } = await without.completion(plain);
    equal(status, "error");
    equal(result?.match(/there is no agent "local"/g)?.length, 2, result);
    // The trust is the session's, also after another core has begun.
    const held = await withTrust.shell(inside, { autoRun: false });
    await daemon.killCore();
    await waitFor(() => daemon.corePid().catch(() => undefined), "another core");
    await without.call("session/run", { sessionId: held });
    equal((await without.completion(held)).result, "local\n");
    for (const client of [withTrust, without]) await client.close();
  });

  it("with a fault are named where people look, with the line, and the rest is used", async () => {
    write(daemon.home, ".claude/agents/bad.md", "---\nname: bad\nmaxTurns: many\n---\nGo.");
    write(daemon.home, ".offshoot/agents/good.md", says("good", "good"));
    const client = await daemon.client();
    const said = /bad\.md: line 3: maxTurns: must be a whole number.*Correct it; the other files/;
    const { faults } = await client.call("agent/list", {});
    equal(faults?.length, 1);
    match(faults?.[0] ?? "", said);
    const refused = await refusal(client.shell("x", { agent: "bad" }));
    equal(refused.code, 1002);
    match(refused.message, said);
    equal((await client.completion(await client.shell("x", { agent: "good" }))).result, "good\n");
    equal(daemon.log().match(/bad\.md: line 3/g)?.length, 1);
    // What is wrong with another tool's file is no illness of the core; its own are.
    equal((await client.call("daemon/status", {})).health, "ok");
    const own = write(daemon.home, ".offshoot/agents/own.md", "---\nmodle: x\n---\nGo.");
    const { health, message } = await client.call("daemon/status", {});
    equal(health, "degraded");
    match(message ?? "", /own\.md: line 2: .*modle/);
    const changed = () => client.of("daemon/statusChanged").map((one) => one.health);
    await waitFor(() => changed().at(-1) === "degraded", "the notification");
    rmSync(own);
    await waitFor(() => changed().at(-1) === "ok", "the notification");
    await client.close();

    const { stdout, stderr } = await offshoot(["agents"], daemon.environment, daemon.work);
    match(stdout, /\ngood +command +yes +~\/\.offshoot\/agents\/good\.md/);
    match(stderr, said);
    const doctor = await offshoot(["doctor"], daemon.environment, daemon.work);
    equal(doctor.code, 0, doctor.stdout);
    match(doctor.stdout, /\nwarn +agent file +\S+bad\.md: line 3: maxTurns: must be/);
  });

  it("run on the agent that they were written for where it is installed, else on a model", async () => {
    const reviewer = "---\ndescription: Reviews\nmodel: sonnet\n---\nYou review.";
    write(daemon.home, ".claude/agents/reviewer.md", reviewer);
    const client = await daemon.client();
    const missing = await found(client, "reviewer");
    deepEqual([missing?.runner, missing?.available], ["model", false]);
    match(
      missing?.reason ?? "",
      /no model is chosen.*Or use .*: Install Claude Code's ACP adapter/,
    );
    const claude = await found(client, "claude");
    deepEqual([claude?.source, claude?.available], ["built-in", false]);

    const program = `#!/bin/sh\nexec '${process.execPath}' '${agentFile("acp-agent.mjs")}'\n`;
    chmodSync(write(programs, "claude-agent-acp", program), 0o755);
    for (const name of ["claude", "reviewer"]) {
      const agent = await found(client, name);
      deepEqual([agent?.runner, agent?.available], ["acp", true]);
      const id = await client.shell(JSON.stringify([{ say: `I am ${name}.` }]), { agent: name });
      equal((await client.completion(id)).result, `I am ${name}.`);
      equal((await sessionOf(client, id)).runner, "acp");
    }
    await client.close();
    const { stdout } = await offshoot(["agents"], daemon.environment, daemon.work);
    match(stdout, /\nreviewer +acp +yes +~\/\.claude\/agents\/reviewer\.md +sonnet · Reviews/);
    match(stdout, /\n {2}codex: Install Codex's ACP adapter with `npm install -g/);
    const doctor = await offshoot(["doctor"], daemon.environment, daemon.work);
    match(doctor.stdout, /\nok +agent +claude \(acp, built-in\)/);
    match(doctor.stdout, /\ninfo +agent +codex .* is not ready\n +→ Install Codex's/);
  });

  it("reach the built-in agent with skills and instructions, as far as they are trusted", async () => {
    const head = (name: string) => `---\nname: ${name}\ndescription: Knows ${name}\n---\nDo.`;
    write(daemon.home, ".agents/skills/tables/SKILL.md", head("tables"));
    write(daemon.work, ".claude/skills/pictures/SKILL.md", head("pictures"));
    write(daemon.work, "AGENTS.md", "Speak plainly.");
    const agent = "---\nmodel: scripted/one\n---\nYou are small.";
    write(daemon.home, ".offshoot/agents/small.md", agent);
    const asked = async (options: ClientOptions) => {
      const client = await daemon.client(options);
      const prompt = script(`greet ${options.workspaceTrusted}`, { text: "Hello." });
      const id = await client.shell(prompt, { agent: "small" });
      const { result, error } = await client.completion(id);
      equal(result, "Hello.", error?.message);
      await client.close();
      return JSON.stringify(server.requests.at(-1)?.body);
    };
    const withTrust = await asked(trusting);
    for (const text of ["You are small.", "Knows tables", "Knows pictures", "Speak plainly."]) {
      ok(withTrust.includes(text), text);
    }
    const without = await asked({});
    ok(without.includes("Knows tables"));
    for (const text of ["pictures", "Speak plainly."]) ok(!without.includes(text), text);
  });
});
