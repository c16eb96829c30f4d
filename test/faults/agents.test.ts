/** kill -9 at random moments while agents work: of the core, of agent hosts, of outside agents. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { isTerminal } from "../../protocol/session.ts";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";
import { loadedAgents, startAgentLoad } from "../support/faultAgentLoad.ts";
import { openEditor, type Editor } from "../support/faultEditor.ts";
import { checkHoldings, newLedger, readHoldings, type Holdings } from "../support/faultLedger.ts";
import { isHostMark, killNow, processesOf } from "../support/faultProcesses.ts";
import { watchEditor, type Watch } from "../support/faultWatch.ts";
import { checkLeaks } from "../support/leaks.ts";
import { startModelServer, type ModelServer } from "../support/modelServer.ts";
import { seededRandom } from "../support/storeRecords.ts";
import { waitFor } from "../support/waitFor.ts";

const { OFFSHOOT_TEST_SEED, OFFSHOOT_TEST_KILLS } = process.env;
const seed = Number(OFFSHOOT_TEST_SEED ?? Date.now() % 1_000_000);
const kills = Number(OFFSHOOT_TEST_KILLS ?? 12);
const killsPerRound = 3;

describe("while agents work, after kill -9", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let server: ModelServer;
  const editors: Editor[] = [];
  const processes = () => processesOf(daemon.folder);
  const ofRuns = () =>
    processes()
      .marked()
      .filter(({ run }) => !isHostMark(run));
  const hostMarks = () =>
    new Set(
      processes()
        .marked()
        .flatMap(({ run }) => (isHostMark(run) ? [run] : [])),
    );

  before(async () => {
    server = await startModelServer();
    daemon = startDaemon({
      ...loadedAgents(server.baseUrl),
      concurrency: { total: 8, perRoot: 8 },
      cancel: { termAfterMs: 1_000, killAfterMs: 1_000 },
    });
  });

  after(async () => {
    await Promise.all(editors.splice(0).map((editor) => editor.close()));
    for (const pid of processes().cores()) process.kill(pid, "SIGTERM");
    await waitFor(() => processes().cores().length === 0, "the core to be gone");
    deepEqual(processes().marked(), [], "nothing of any run or host is left");
    await daemon.stop();
    await server.close();
  });

  async function open(): Promise<Editor> {
    const editor = await openEditor(daemon.environment);
    editors.push(editor);
    return editor;
  }

  /** The pids that a kill could mean, by what they are. */
  function targets(): Record<"core" | "host" | "agent", number[]> {
    const marked = processes().marked();
    const pidsOf = (pattern: RegExp) =>
      marked.flatMap(({ pid, command }) => (pattern.test(command) ? [pid] : []));
    return {
      core: processes().cores(),
      host: pidsOf(/^offshoot agent| agent$/),
      agent: pidsOf(/acp-agent\.mjs|json-claude/),
    };
  }

  function checkAtRest(held: Holdings, watches: readonly Watch[]): void {
    for (const watch of watches) {
      for (const session of held.sessions) watch.look(session);
      deepEqual(watch.faults, []);
      deepEqual(watch.openApprovals(), [], "no approval stays open for a run that has ended");
    }
    const adopted = held.sessions.filter((session) => session.adopted);
    for (const session of adopted) ok(isTerminal(session), `${session.id} outlived its parent`);
  }

  it(`${kills} times, nothing is lost, doubled or left behind (OFFSHOOT_TEST_SEED=${seed})`, async function () {
    this.timeout(30_000 + kills * 10_000);
    const random = seededRandom(seed);
    const ledger = newLedger();
    const own = [await open(), await open()];
    const watches = own.map(watchEditor);
    const load = startAgentLoad({ editors: own, ledger, cwd: daemon.work, random });
    const answering = load.answerApprovals();
    const killed = { core: 0, host: 0, agent: 0 };
    const done = () => killed.core + killed.host + killed.agent;
    while (done() < kills) {
      const most = Math.min(kills, done() + killsPerRound);
      const work = track(load.round(10));
      while (done() < most && !work.isOver()) {
        await pause(random() * 900);
        const what = (["core", "host", "agent"] as const)[Math.floor(random() * 3)] ?? "core";
        const [pid] = targets()[what].sort(() => random() - 0.5);
        if (pid !== undefined && killNow(pid)) killed[what] += 1;
        // A front that has lost several cores waits longer each time; a new one does not.
        if (random() < 0.3) own[Math.floor(random() * own.length)]?.loseFront();
      }
      await waitFor(work.isOver, "the load to be answered", {
        timeoutMs: 90_000,
        describe: () => [...load.unsettled].map((id) => watches[0]?.shown(id) ?? id),
      });
      const held = await atRest(watches);
      for (const watch of watches) {
        for (const id of watch.below(ledger.deleting)) ledger.deleting.add(id);
      }
      checkHoldings(held, ledger, own);
      checkAtRest(held, watches);
    }
    await answering.stop();
    const held = await atRest(watches);
    const ends = Object.groupBy(held.completions, ({ status }) => status);
    const counts = Object.entries(ends).map(([status, all]) => `${all.length} ${status}`);
    const adopted = held.sessions.filter((session) => session.adopted).length;
    const told = `kills: ${JSON.stringify(killed)}; ${held.sessions.length} sessions, ${adopted} adopted`;
    console.log(`      ${told}; ends: ${counts.join(", ")}`);
    // What the scripted sub-agent "b" of Claude fails with has no other code.
    const internal = held.completions.flatMap(({ error }) =>
      error?.code === "internal" && error.message !== "b failed" ? [error.message] : [],
    );
    deepEqual(internal, [], "no fault is the house's own");
    const lines = daemon.log().trim().split("\n");
    const loud = lines.filter((line) => (JSON.parse(line) as { level: number }).level >= 50);
    deepEqual(loud, []);
    ok(ends.completed !== undefined, "the load was none");
    equal(load.unsettled.size, 0);
  });

  /** Nothing runs, waits or is left behind; answers with what the store holds then. */
  async function atRest(watches: readonly Watch[]): Promise<Holdings> {
    const [first] = editors;
    if (first === undefined) throw new Error("no editor is open");
    await waitFor(
      async () => {
        const { queued, running, suspended } = await first.insist("daemon/status", {});
        return queued + running + suspended === 0;
      },
      "everything to come to rest",
      { describe: () => processes().marked() },
    );
    deepEqual(ofRuns(), []);
    await waitFor(() => hostMarks().size <= 1, "all hosts but one to be gone", {
      describe: processes().marked,
    });
    deepEqual((await first.insist("approval/list", {})).approvals, []);
    await waitFor(
      () => watches.every((watch) => watch.openApprovals().length === 0),
      "the end of every approval to be told",
      { describe: () => watches.map((watch) => watch.openApprovals()) },
    );
    // It knows nothing, so all completions are sent to it again, and it has them all soon.
    const fresh = await openEditor(daemon.environment);
    const count = () => fresh.completions.size;
    await waitFor(() => count() >= fresh.watermark, "all completions to be sent again", {
      describe: count,
    });
    const held = await readHoldings(fresh);
    await fresh.close();
    return held;
  }
});

interface Tracked {
  /** Throws what made it fail. */
  isOver(): boolean;
}

function track(work: Promise<void>): Tracked {
  let isOver = false;
  let failure: unknown;
  work.then(
    () => (isOver = true),
    (error: unknown) => (failure = error),
  );
  return {
    isOver() {
      if (failure !== undefined) throw failure;
      return isOver;
    },
  };
}
