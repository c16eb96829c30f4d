/** The tools for the editor's own agent, with a real daemon, and what the manifest says of them. */
import { deepEqual, equal, match, ok, rejects, throws } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CancellationToken, CancellationTokenSource } from "vscode-jsonrpc";
import { createSubAgentTools } from "../../../extension/chatTools/subAgentTools.ts";
import { SessionModel } from "../../../extension/sessions/sessionModel.ts";
import { withSchemas, type Manifest } from "../../../scripts/manifestSchemas.ts";
import { startDaemon, type TestClient, type TestDaemon } from "../../support/daemon.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { repository } from "../../support/repository.ts";
import { waitFor } from "../../support/waitFor.ts";
import { daemonCalls } from "../daemonCalls.ts";

describe("the tools of the editor's agent", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  const model = new SessionModel();
  before(async () => {
    daemon = startDaemon();
    client = await daemon.client({ subscribe: "nothing" });
    daemonCalls(client).on("session/changed", ({ session }) => model.add(session));
    const { sessions } = await client.call("tree/subscribe", {});
    model.replace(sessions);
  });
  after(() => daemon.stop());

  const never = CancellationToken.None;

  function tools() {
    const made = createSubAgentTools({ client, model, folder: () => daemon.work });
    const named = (name: string) => {
      const tool = made.find((one) => one.name === `offshoot_${name}`);
      ok(tool, name);
      return tool;
    };
    const run = (name: string, input: object, token = never) => named(name).run(input, token);
    return { named, run };
  }

  /** Spawns, and answers the id once the model knows it. */
  async function spawned(run: ReturnType<typeof tools>["run"], input: object): Promise<string> {
    const text = await run("spawn", input);
    const id = /\[id ([^\]]+)\]/.exec(text)?.[1] ?? "";
    await waitFor(() => model.get(id), "the session to be known");
    return id;
  }

  it("spawn, and wait for what they said", async () => {
    const { run } = tools();
    equal(await run("wait", {}), "Nothing to wait for: you know of every end.");
    const first = await spawned(run, { prompt: "echo one", title: "first" });
    await spawned(run, { prompt: "echo two; exit 3" });
    const text = await run("wait", {});
    match(text, /^"first" \(shell\) completed \[id .*\]\n<result>\none\n<\/result>$/m);
    match(text, /^"echo two; exit 3" \(shell\) error: .*3.* \[id /m);
    equal(await run("wait", {}), "Nothing to wait for: you know of every end.");
    match(await run("wait", { ids: [first.slice(-12)] }), /<result>\none\n/);
  });

  it("answer the states when the time is over, and at once when nobody waits any more", async () => {
    const { run } = tools();
    const id = await spawned(run, { prompt: "sleep 1000" });
    const text = await run("wait", { ids: [id], timeoutSeconds: 0 });
    match(text, /1 have not ended; call offshoot_wait again/);
    const stop = new CancellationTokenSource();
    const waiting = run("wait", {}, stop.token);
    stop.cancel();
    await rejects(waiting, /cancel/i);
    await run("cancel", { id });
    match(await run("wait", { ids: [id] }), /cancelled: Cancelled by user/);
  });

  it("ask a person with the words that they would use", async () => {
    const { named, run } = tools();
    const prompt = "sleep 1000 # [x](command:y)";
    const id = await spawned(run, { prompt, title: "slow" });
    const spawn = named("spawn").confirmation?.({ prompt, limits: { maxCostUsd: 1 } });
    deepEqual(spawn, {
      title: "Spawn a sub-agent?",
      facts: ["Agent: the default agent", `Folder: ${daemon.work}`, 'Limits: {"maxCostUsd":1}'],
      text: prompt,
    });
    deepEqual(named("send").confirmation?.({ id, message: "more" }), {
      title: "Send a message to “slow”?",
      facts: [],
      text: "more",
    });
    deepEqual(named("cancel").confirmation?.({ id, reason: "late" }), {
      title: "Cancel “slow”?",
      facts: ["Reason: late"],
    });
    equal(named("cancel").progress({ id }), "Cancelling “slow”");
    equal(named("list").confirmation, undefined);
    equal(named("wait").confirmation, undefined);
    await run("cancel", { id });
    await run("wait", { ids: [id] });
  });

  it("list what there is, and send messages", async () => {
    const { run } = tools();
    const id = await spawned(run, { prompt: "echo hi", title: "greets" });
    await run("wait", { ids: [id] });
    await waitFor(() => model.get(id)?.status === "completed", "the end to be known");
    const list = await run("list", {});
    match(list, new RegExp(`^"greets" \\(shell\\) completed \\[id ${id}\\]$`, "m"));
    match(list, /^- shell: Runs the prompt as a shell command\.$/m);
    match(await run("send", { id, message: "echo again" }), /^run: It has started a new run/);
    match(await run("wait", {}), /<result>\nagain\n/);
  });

  it("say what is wrong and what to do about it", async () => {
    const { named, run } = tools();
    await rejects(run("spawn", { prompt: "" }), /wrong input for offshoot_spawn: .*\n.*prompt/);
    await rejects(run("spawn", { prompt: "x", agent: "nobody" }), /offshoot_list shows/);
    await rejects(run("spawn", { prompt: "x", cwd: "/nowhere" }), /Give a folder that exists/);
    throws(() => named("cancel").progress({ id: "nothing" }), /no sub-agent has the id "nothing"/);
  });
});

describe("the manifest", () => {
  checkLeaks();

  it("has the schemas that `node scripts/manifestSchemas.ts` writes", () => {
    const text = readFileSync(join(repository, "package.json"), "utf8");
    const manifest = JSON.parse(text) as Manifest;
    deepEqual(manifest, withSchemas(manifest));
    const { languageModelTools } = manifest.contributes;
    ok(languageModelTools.every(({ inputSchema }) => inputSchema !== undefined));
    equal(languageModelTools.length, 5);
  });

  it("has a walkthrough whose pages and commands are there", () => {
    const text = readFileSync(join(repository, "package.json"), "utf8");
    const { contributes } = JSON.parse(text) as {
      contributes: {
        commands: { command: string }[];
        configuration: { properties: object };
        walkthroughs: { steps: { description: string; media: { markdown: string } }[] }[];
      };
    };
    const known = new Set(contributes.commands.map(({ command }) => command));
    const settings = Object.keys(contributes.configuration.properties);
    const steps = contributes.walkthroughs.flatMap((one) => one.steps);
    for (const { description, media } of steps) {
      ok(readFileSync(join(repository, media.markdown), "utf8").startsWith("## "), media.markdown);
      const commands = [...description.matchAll(/\(command:([^?)]+)(?:\?([^)]*))?\)/g)];
      for (const [, command = "", query] of commands) {
        const isOurs = command.startsWith("offshoot.") && !command.endsWith(".focus");
        ok(!isOurs || known.has(command), command);
        const [setting] =
          query === undefined ? [] : (JSON.parse(decodeURIComponent(query)) as string[]);
        ok(setting === undefined || settings.some((name) => name.startsWith(setting)), setting);
      }
    }
  });
});
