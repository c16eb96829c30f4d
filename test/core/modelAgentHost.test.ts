/** What clients see when the process of the built-in agent, or the core above it, dies or is stuck. */
import assert from "node:assert/strict";
import { isAlive } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { startModelDaemon, type ModelDaemon } from "../support/modelDaemon.ts";
import { plainText, script } from "../support/modelServer.ts";
import { processesOf, sessionOf, until, words } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

const look = { calls: [{ name: "list_dir", input: {} }] };
const stuck = { text: "Half a sentence", ending: "hang" } as const;
const auto = { overrides: { permissions: { mode: "auto" } } } as const;

describe("the process of the built-in agent", () => {
  checkLeaks();
  let house: ModelDaemon;

  afterEach(() => house.stop());

  const isStuck = (id: string) => waitFor(() => house.said(id) !== "", `${id} to speak`);
  const onlyHost = () => {
    const [pid, ...others] = house.hostPids();
    assert.deepEqual(others, []);
    assert.ok(pid);
    return pid;
  };
  /** Roles of the conversation that the model was given last. */
  const lastRoles = () =>
    house.server.requests
      .at(-1)
      ?.body.messages?.map(({ role }) => role)
      .slice(1);
  const startsAndEnds = (id: string) =>
    words(house.client, id).filter((word) => ["started", "completed", "retry"].includes(word));

  it("may die in the middle: its runs go on in the next one, and know what they did", async () => {
    house = await startModelDaemon();
    const prompt = script("survive", look, stuck, { text: "Done." });
    const [one, two] = await Promise.all([
      house.spawn(prompt),
      house.spawn(script("survive too", stuck, { text: "Done too." })),
    ]);
    await Promise.all([isStuck(one), isStuck(two)]);
    process.kill(onlyHost(), "SIGKILL");
    const { status, result, attempt } = await house.client.completion(one);
    assert.deepEqual([status, result, attempt], ["completed", "Done.", 2]);
    assert.equal((await house.client.completion(two)).result, "Done too.");
    assert.deepEqual(startsAndEnds(one), ["started", "retry", "completed"]);
    const [retry] = house.events(one, "retry");
    assert.equal(retry?.error.code, "runner_crashed");
    assert.match(retry?.error.message ?? "", /built-in agent ended by signal SIGKILL$/);
    const request = house.server.requests.findLast(({ body }) =>
      body.messages?.some(({ content }) => plainText(content) === prompt),
    );
    assert.deepEqual(
      request?.body.messages?.map(({ role }) => role),
      ["system", "user", "assistant", "tool"],
    );
  });

  it("is replaced when it does not hear a cancel, and its other runs go on", async () => {
    house = await startModelDaemon({ cancel: { termAfterMs: 100, killAfterMs: 500 } });
    const [one, two] = await Promise.all([
      house.spawn(script("loops", stuck)),
      house.spawn(script("goes on", stuck, { text: "Done." })),
    ]);
    await Promise.all([isStuck(one), isStuck(two)]);
    const pid = onlyHost();
    process.kill(pid, "SIGSTOP");
    await house.client.call("session/cancel", { sessionId: one });
    assert.equal((await house.client.completion(one)).status, "cancelled");
    assert.equal((await house.client.completion(two)).result, "Done.");
    assert.match(
      house.events(two, "retry")[0]?.error.message ?? "",
      /did not answer when a run was to end, and was ended$/,
    );
    assert.ok(!isAlive(pid));
  });

  it("ends with the core, however that ended, and so do its commands", async () => {
    house = await startModelDaemon();
    const run = { name: "run_command", input: { command: "sleep 300 & setsid sleep 300" } };
    const id = await house.spawn(script("orphan", { calls: [run] }), auto);
    const { runId } = await until(house.client, id, "running");
    await waitFor(() => processesOf(runId).length >= 3, "the command");
    const pid = onlyHost();
    // Nobody is there who would start another core.
    await house.client.crash();
    await house.daemon.killCore();
    await waitFor(() => !isAlive(pid), "the host to be gone");
    await waitFor(() => processesOf(runId).length === 0, "its commands to be gone");
    const later = await house.daemon.client();
    const session = await sessionOf(later, id);
    assert.deepEqual(
      [session.status, "reason" in session && session.reason],
      ["interrupted", "host_restart"],
    );
  });

  it("is ended by the next core where it could not end by itself", async () => {
    house = await startModelDaemon({}, { onHostRestart: "resume" });
    const id = await house.spawn(script("resumes", look, stuck, { text: "Done." }));
    await isStuck(id);
    const pid = onlyHost();
    process.kill(pid, "SIGSTOP");
    await house.client.crash();
    await house.daemon.killCore();
    assert.ok(isAlive(pid));
    const later = await house.daemon.client();
    assert.ok(!isAlive(pid));
    const session = await until(later, id, "completed");
    assert.equal(session.result, "Done.");
    assert.deepEqual(lastRoles(), ["user", "assistant", "tool"]);
  });

  it("is not there before somebody needs it, and gone when the core stops", async () => {
    house = await startModelDaemon();
    assert.deepEqual(house.hostPids(), []);
    const id = await house.spawn(script("interrupted", stuck));
    await isStuck(id);
    const pid = onlyHost();
    await house.daemon.stopCore();
    assert.ok(!isAlive(pid));
    assert.equal((await house.client.completion(id)).status, "interrupted");
  });
});
