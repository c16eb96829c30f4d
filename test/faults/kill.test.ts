/** kill -9 at random moments under load: of the core, of fronts, of what runs. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";
import { openEditor, type Editor } from "../support/faultEditor.ts";
import { checkHoldings, newLedger, readHoldings } from "../support/faultLedger.ts";
import { startLoad } from "../support/faultLoad.ts";
import { killNow, processesOf } from "../support/faultProcesses.ts";
import { checkLeaks } from "../support/leaks.ts";
import { seededRandom } from "../support/storeRecords.ts";
import { waitFor } from "../support/waitFor.ts";

const { OFFSHOOT_TEST_SEED, SEED } = process.env;
const seed = Number(OFFSHOOT_TEST_SEED ?? SEED ?? Date.now() % 1_000_000);
const kills = 20;

describe("after kill -9", () => {
  checkLeaks();
  let daemon: TestDaemon;
  const editors: Editor[] = [];
  const processes = () => processesOf(daemon.folder);

  beforeEach(() => {
    daemon = startDaemon({ concurrency: { total: 8, perRoot: 8 }, queue: { perRoot: 500 } });
  });

  async function open(): Promise<Editor> {
    const editor = await openEditor(daemon.environment);
    editors.push(editor);
    return editor;
  }

  afterEach(async () => {
    await Promise.all(editors.splice(0).map((editor) => editor.close()));
    for (const pid of processes().cores()) process.kill(pid, "SIGTERM");
    await waitFor(() => processes().cores().length === 0, "the core to be gone");
    await daemon.stop();
  });

  /** Nothing runs, waits or is left behind; answers with what the store holds then. */
  async function atRest() {
    const reader = await open();
    await waitFor(
      async () => {
        const { queued, running, suspended } = await reader.insist("daemon/status", {});
        return queued + running + suspended === 0;
      },
      "everything to come to rest",
      { describe: () => processes().marked() },
    );
    deepEqual(processes().marked(), []);
    const { health, message } = await reader.insist("daemon/status", {});
    deepEqual([health, message], ["ok", undefined]);
    // The reader knows nothing, so all completions are sent to it again, and it has them all soon.
    const fresh = await open();
    const count = () => fresh.completions.size;
    await waitFor(() => count() >= fresh.watermark, "all completions to be sent again", {
      describe: count,
    });
    return await readHoldings(fresh);
  }

  it(`of the core, ${kills} times, nothing answered is lost or doubled (OFFSHOOT_TEST_SEED=${seed})`, async () => {
    const random = seededRandom(seed);
    const ledger = newLedger();
    const own = [await open(), await open(), await open()];
    let news = 0;
    for (const editor of own) editor.onNews = () => void (news += 1);
    const load = startLoad({
      editors: own,
      ledger,
      cwd: daemon.work,
      random,
      workers: 10,
      mostSpawns: 2_000,
    });
    for (let done = 0; done < kills;) {
      load.isOver();
      // Now and then at once, which hits a core that is just starting; else when work is under way.
      const enough = news + Math.floor(random() * 400);
      const latest = random() < 0.2 ? performance.now() + random() * 400 : Infinity;
      await waitFor(() => news >= enough || performance.now() > latest, "a moment to kill at");
      const [pid] = processes().cores();
      if (pid !== undefined && killNow(pid)) done += 1;
      // A front that has lost several cores waits longer each time; a new one does not.
      if (random() < 0.5) own[Math.floor(random() * own.length)]?.loseFront();
    }
    load.stop();
    await waitFor(() => load.isOver(), "the load to be answered", {
      timeoutMs: 90_000,
      describe: () => load.unsettled,
    });
    const held = await atRest();
    checkHoldings(held, ledger, editors);
    const ends = Object.groupBy(held.completions, ({ status }) => status);
    const counts = Object.entries(ends).map(([status, all]) => `${all.length} ${status}`);
    const connections = own.reduce((sum, editor) => sum + editor.connections, 0);
    console.log(
      `      ${ledger.spawned.size} spawns, ${connections} fronts; ends: ${counts.join(", ")}`,
    );
    ok(ends.completed !== undefined, "the load was none");
    ok(ends.interrupted !== undefined, "the kills hit nothing");
  });

  it("of fronts, the core and its runs go on, and the next front hears everything", async () => {
    const staying = await open();
    const leaving = await open();
    const before = processes().cores();
    const ids: string[] = [];
    for (let n = 0; n < 8; n += 1) {
      const prompt = `for i in 1 2 3 4 5 6; do echo ${n} $i; sleep 0.05; done`;
      const asker = n % 2 === 0 ? leaving : staying;
      const { session } = await asker.insist("session/spawn", {
        prompt,
        cwd: daemon.work,
        requestKey: `front ${n}`,
      });
      ids.push(session.id);
      leaving.loseFront();
    }
    const { completions } = await staying.insist("session/wait", { sessionIds: ids });
    deepEqual(
      completions.map(({ status }) => status),
      ids.map(() => "completed"),
    );
    await waitFor(
      () => [staying, leaving].every((editor) => editor.completions.size === ids.length),
      "all completions to be told to both",
      { describe: () => [staying, leaving].map((editor) => editor.completions.size) },
    );
    deepEqual([...leaving.completions.values()], [...staying.completions.values()]);
    deepEqual([...staying.faults, ...leaving.faults], []);
    deepEqual(processes().cores(), before);
    equal(staying.connections, 1);
    deepEqual(processes().marked(), []);
  });

  it("of a program, its run is an error at once, and what it left behind is ended", async () => {
    const editor = await open();
    const { session } = await editor.insist("session/spawn", {
      prompt: "setsid sleep 300 & echo started; sleep 300; echo never",
      cwd: daemon.work,
    });
    const shell = await waitFor(
      () =>
        processes()
          .marked()
          .find(({ command }) => command.includes("echo never")),
      "the program to run",
    );
    await waitFor(() => processes().marked().length === 3, "its children to run", {
      describe: processes().marked,
    });
    killNow(shell.pid);
    const { completions } = await editor.insist("session/wait", { sessionIds: [session.id] });
    const [completion] = completions;
    equal(completion?.status, "error");
    equal(completion?.error?.code, "exit_nonzero");
    equal(completion?.error?.signal, "SIGKILL");
    equal(completion?.result, "started\n");
    deepEqual(processes().marked(), []);
  });

  it("no less: a program that is stopped (SIGSTOP) ends with its idle time", async () => {
    const editor = await open();
    const { session } = await editor.insist("session/spawn", {
      prompt: "while true; do echo tick; sleep 0.02; done",
      cwd: daemon.work,
      limits: { idleTimeoutMs: 400 },
    });
    const shell = await waitFor(
      () =>
        processes()
          .marked()
          .find(({ command }) => command.includes("echo tick")),
      "the program to run",
    );
    await waitFor(() => (editor.events.get(session.id)?.length ?? 0) > 3, "some output");
    process.kill(shell.pid, "SIGSTOP");
    const { completions } = await editor.insist("session/wait", { sessionIds: [session.id] });
    equal(completions[0]?.status, "timeout");
    match(
      completions[0]?.error?.message ?? "",
      /^Child session idle timeout after 0 seconds without events \(max_idle_secs=0\.4\)$/,
    );
    deepEqual(processes().marked(), []);
  });
});
