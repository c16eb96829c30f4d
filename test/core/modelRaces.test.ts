/** The built-in agent when several things are asked of its sessions in the same moment. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AgentProfile } from "../../protocol/config.ts";
import { isTerminal } from "../../protocol/session.ts";
import { killNow } from "../support/faultProcesses.ts";
import { checkLeaks } from "../support/leaks.ts";
import { startModelDaemon, type ModelDaemon } from "../support/modelDaemon.ts";
import { script } from "../support/modelServer.ts";
import { agentFile } from "../support/runContext.ts";
import { gate, outcome, processesOf, refusal, sessionOf, until, words } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

const write = { calls: [{ name: "write_file", input: { path: "a.txt", content: "x\n" } }] };
const run = (command: string, more: object = {}) => ({
  calls: [{ name: "run_command", input: { command, ...more } }],
});
const auto = { overrides: { permissions: { mode: "auto" } } } as const;
const spawnAgent = (prompt: string) => ({
  calls: [{ name: "spawn_agent", input: { prompt, agent: "scripted", wait: true } }],
});
const stuck = { text: "Half a sentence", ending: "hang" } as const;

describe("sessions of the built-in agent, of which several things are wanted at once", () => {
  checkLeaks();
  let house: ModelDaemon;
  const others: AgentProfile[] = [
    {
      name: "acp",
      runner: {
        kind: "acp",
        command: process.execPath,
        args: [agentFile("acp-agent.mjs"), JSON.stringify({})],
      },
    },
    {
      name: "proud",
      model: "scripted/model",
      runner: { kind: "model" },
      restart: { policy: "escalate", max: 0 },
    },
  ];
  before(async () => {
    house = await startModelDaemon();
    const scripted: AgentProfile = {
      name: "scripted",
      model: "scripted/model",
      runner: { kind: "model" },
      restart: { backoffMs: 10 },
    };
    house.daemon.configure({
      cancel: { termAfterMs: 5_000, killAfterMs: 5_000 },
      concurrency: { total: 20, perRoot: 20 },
      providers: { scripted: { kind: "openai-compatible", baseUrl: house.server.baseUrl } },
      agents: [scripted, ...others],
    });
  });
  after(() => house.stop());

  const call: ModelDaemon["client"]["call"] = (method, params) => house.client.call(method, params);
  const asked = (id: string, nth = 0) =>
    waitFor(
      () =>
        house.client.of("approval/requested").filter(({ approval }) => approval.sessionId === id)[
          nth
        ]?.approval,
      "a question",
    );
  const resolutions = (approvalId: string) =>
    house.client
      .of("approval/resolved")
      .filter((one) => one.approvalId === approvalId)
      .map(({ decision }) => decision);
  const startsAndEnds = (id: string) =>
    words(house.client, id).filter((word) => word === "started" || word === "completed");
  const respond = (approvalId: string, decision: "allowOnce" | "denyOnce" = "allowOnce") =>
    call("approval/respond", { approvalId, decision });

  it("a cancel ends a question, and an answer after it says so", async () => {
    const id = await house.spawn(script("asks and is cancelled", write));
    const { id: approvalId } = await asked(id);
    await call("session/cancel", { sessionId: id });
    deepEqual(outcome(await house.client.completion(id)).slice(0, 1), ["cancelled"]);
    deepEqual(resolutions(approvalId), ["expired"]);
    const late = await refusal(respond(approvalId));
    deepEqual(
      [late.code, late.data],
      [1010, { kind: "approvalAlreadyResolved", decision: "expired" }],
    );
    deepEqual((await call("approval/list", {})).approvals, []);
    ok(!existsSync(join(house.daemon.work, "a.txt")));
  });

  for (const first of ["answer", "cancel"] as const) {
    it(`an answer and a cancel in one moment, the ${first} first, end once`, async () => {
      const id = await house.spawn(script(`asks in a race, ${first} first`, write, stuck));
      const { id: approvalId } = await asked(id);
      const wishes = {
        answer: () => respond(approvalId),
        cancel: () => call("session/cancel", { sessionId: id }),
      };
      const second = first === "answer" ? "cancel" : "answer";
      const answers = await Promise.allSettled([wishes[first](), wishes[second]()]);
      equal(answers[0]?.status, "fulfilled");
      equal((await house.client.completion(id)).status, "cancelled");
      deepEqual(resolutions(approvalId), [first === "answer" ? "allowOnce" : "expired"]);
      deepEqual(startsAndEnds(id), ["started", "completed"]);
      deepEqual((await call("approval/list", {})).approvals, []);
    });
  }

  it("a rule made of one answer and another answer in one moment count once", async () => {
    const [one, two] = await Promise.all(
      ["one", "two"].map((name) => house.spawn(script(`asks the same, ${name}`, run("echo tea")))),
    );
    ok(one && two);
    const [first, second] = await Promise.all([asked(one), asked(two)]);
    await Promise.allSettled([
      call("approval/respond", { approvalId: first.id, decision: "allowAlways" }),
      respond(second.id, "denyOnce"),
    ]);
    for (const id of [one, two]) equal((await house.client.completion(id)).status, "completed");
    deepEqual([resolutions(first.id), resolutions(second.id).length], [["allowAlways"], 1]);
    const { rules } = await call("approval/rules", {});
    for (const { id: ruleId } of rules) await call("approval/removeRule", { ruleId });
  });

  it("a message that interrupts a wait for children leaves them alone and is worked on", async () => {
    const held = gate(house.daemon.work);
    const child = script("a child at the gate", run(held.wait), { text: "Through." });
    const id = await house.spawn(
      script("waits for its child", spawnAgent(child), { text: "Heard." }),
      auto,
    );
    await held.reached();
    const [below] = (await call("session/list", { parentId: id })).sessions;
    const waiting = await until(house.client, id, "suspended");
    deepEqual(waiting.waitingFor, { kind: "children", ids: [below?.id] });
    await call("session/send", { sessionId: id, text: "Mind the tea.", interrupt: true });
    const first = await house.client.completion(id);
    deepEqual([first.status, first.reason], ["cancelled", "interrupted by a message"]);
    equal((await house.client.completion(id, 2)).result, "Heard.");
    match(JSON.stringify(house.server.requests.at(-1)?.body.messages), /Mind the tea\./);
    equal((await sessionOf(house.client, below?.id ?? "")).status, "running");
    held.open();
    equal((await house.client.completion(below?.id ?? "")).result, "Through.");
    deepEqual(startsAndEnds(id), ["started", "completed", "started", "completed"]);
  });

  it("a parent that is paused while it waits lets its child end, and folds later", async () => {
    const held = gate(house.daemon.work);
    const child = script("a child of who pauses", run(held.wait), { text: "Through." });
    const id = await house.spawn(
      script("pauses over its child", spawnAgent(child), { text: "Folded." }),
      auto,
    );
    await held.reached();
    await until(house.client, id, "suspended");
    await call("session/pause", { sessionId: id });
    const [below] = (await call("session/list", { parentId: id })).sessions;
    held.open();
    equal((await house.client.completion(below?.id ?? "")).result, "Through.");
    await until(house.client, id, "paused");
    const { running, suspended } = await call("daemon/status", {});
    deepEqual([running, suspended], [0, 0]);
    const late = await house.spawn(script("spawned below a pause", { text: "Late." }), {
      parentId: id,
    });
    equal((await house.client.completion(late)).result, "Late.", "its parent's pause is its own");
    await call("session/resume", { sessionId: id });
    equal((await house.client.completion(id)).result, "Folded.");
    deepEqual(startsAndEnds(id), ["started", "completed"]);
  });

  it("its host may die while it waits for children: it asks again, they go on", async () => {
    const held = gate(house.daemon.work);
    // The child works with a program of its own, which the host does not take with it.
    const child = { prompt: held.wait, agent: "shell", wait: true };
    const id = await house.spawn(
      script(
        "loses its host",
        { calls: [{ name: "spawn_agent", input: child }] },
        { text: "Back." },
      ),
      auto,
    );
    await held.reached();
    await until(house.client, id, "suspended");
    const [host] = house.hostPids().filter((pid) => isHost(pid));
    ok(host !== undefined && killNow(host));
    const { result, attempt } = await house.client.completion(id);
    deepEqual([result, attempt], ["Back.", 2]);
    const [below] = (await call("session/list", { parentId: id })).sessions;
    equal(below?.status, "running");
    held.open();
    equal((await house.client.completion(below?.id ?? "")).status, "completed");
  });

  it("a tree is deleted whole while its host dies", async () => {
    const top = await house.spawn(script("to be deleted", stuck, stuck, stuck, stuck));
    const acp = JSON.stringify([{ start: ["sleep", "300"], detached: true }, { hang: true }]);
    const below = await Promise.all([
      house.spawn(script("below what is deleted", stuck, stuck, stuck, stuck), { parentId: top }),
      house.spawn(acp, { agent: "acp", parentId: top }),
      house.spawn(script("asks below what is deleted", write), { parentId: top }),
    ]);
    const all = [top, ...below];
    for (const id of all)
      await waitFor(async () => isLive(await sessionOf(house.client, id)), "it");
    await asked(below[2] ?? "");
    await waitFor(
      () => house.said(top) !== "" && house.said(below[0] ?? "") !== "",
      "both to speak",
    );
    const runIds = await Promise.all(
      all.map(async (id) => {
        const session = await sessionOf(house.client, id);
        return "runId" in session ? session.runId : "";
      }),
    );
    const [host] = house.hostPids().filter((pid) => isHost(pid));
    const deleting = call("session/delete", { sessionId: top });
    ok(host !== undefined && killNow(host));
    equal((await deleting).deleted, all.length);
    for (const id of all) {
      deepEqual(startsAndEnds(id), ["started", "completed"]);
      equal((await refusal(sessionOf(house.client, id))).code, 1001);
    }
    deepEqual(runIds.flatMap(processesOf), []);
    deepEqual((await call("approval/list", {})).approvals, []);
  });

  it("a cancel comes too late for a turn that has ended, while its commands are ended", async () => {
    const pid = join(house.daemon.work, "deaf");
    const command = `trap '' TERM; echo $$ > ${pid}; while :; do sleep 0.05; done`;
    const id = await house.spawn(
      script("ends slowly", run(command, { background: true }), run("sleep 0.1"), {
        text: "Done.",
      }),
      auto,
    );
    await waitFor(() => existsSync(pid) && readFileSync(pid, "utf8") !== "", "the command");
    await waitFor(
      () =>
        house.events(id, "turn.completed").some(({ finishReason }) => finishReason === "end_turn"),
      "its turn to end",
    );
    const before = await sessionOf(house.client, id);
    ok(!isTerminal(before), "its command is being ended");
    await call("session/cancel", { sessionId: id });
    const { status, result } = await house.client.completion(id);
    deepEqual([status, result], ["completed", "Done."]);
  });

  it("one that hands its error to its parent is waited for with that, and goes on with a message", async () => {
    const refused = { status: 401, errorText: "who are you?" };
    const id = await house.spawn(script("proud", refused, { text: "Now." }), { agent: "proud" });
    const waited = await call("session/wait", { sessionIds: [id], timeoutMs: 10_000 });
    deepEqual([waited.completions, waited.pending, waited.timedOut], [[], [id], false]);
    equal(waited.escalated?.[0]?.error.code, "auth");
    await call("session/send", { sessionId: id, text: "Go on." });
    const { status, result } = await house.client.completion(id);
    deepEqual([status, result], ["completed", "Now."]);
  });

  it("one that is paused is waited for until it was resumed and has ended", async () => {
    const prompt = script("paused and waited for", write, { text: "Done." });
    const id = await house.spawn(prompt);
    const { id: approvalId } = await asked(id);
    await call("session/pause", { sessionId: id });
    await respond(approvalId);
    await until(house.client, id, "paused");
    const short = await call("session/wait", { sessionIds: [id], timeoutMs: 50 });
    deepEqual([short.pending, short.timedOut], [[id], true]);
    const waiting = call("session/wait", { sessionIds: [id], timeoutMs: 10_000 });
    await call("session/resume", { sessionId: id });
    equal((await waiting).completions[0]?.result, "Done.");
  });
});

function isHost(pid: number): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8")
    .replaceAll("\0", " ")
    .trim()
    .endsWith(" agent");
}

function isLive({ status }: { status: string }): boolean {
  return status === "running" || status === "suspended";
}
