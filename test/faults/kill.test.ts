/** kill -9 at random moments under load: of the core, of fronts, of what runs. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";
import { openEditor, type Editor } from "../support/faultEditor.ts";
import { checkHoldings, newLedger, readHoldings } from "../support/faultLedger.ts";
import { startLoad } from "../support/faultLoad.ts";
import { checkLeaks, ourProcesses } from "../support/leaks.ts";
import { seededRandom } from "../support/storeRecords.ts";
import { waitFor } from "../support/waitFor.ts";

const seed = Number(process.env["OFFSHOOT_TEST_SEED"] ?? Date.now() % 1_000_000);
const kills = 32;

/** Cores of this test, also one that is only starting or ending its dead predecessor's runs. */
function corePids(): number[] {
  return ourProcesses()
    .filter(({ command }) => /^offshoot core|main\.ts core /.test(command))
    .map(({ pid }) => pid);
}

const marked = () => ourProcesses().filter(({ run }) => run !== undefined);

function killNow(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself meanwhile.
    return false;
  }
}

describe("after kill -9", () => {
  checkLeaks();
  let daemon: TestDaemon;
  const editors: Editor[] = [];

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
    for (const pid of corePids()) process.kill(pid, "SIGTERM");
    await waitFor(() => corePids().length === 0, "the core to be gone");
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
      { timeoutMs: 30_000, describe: () => ourProcesses() },
    );
    deepEqual(marked(), []);
    const { health, message } = await reader.insist("daemon/status", {});
    deepEqual([health, message], ["ok", undefined]);
    // The reader knows nothing, so all completions are sent to it again, and it has them all soon.
    const fresh = await open();
    const { completionSeq } = await fresh.insist("tree/subscribe", { afterCompletion: 1e9 });
    await waitFor(() => fresh.completions.size >= completionSeq, "all completions to be replayed");
    return await readHoldings(fresh);
  }

  it(`of the core, ${kills} times, nothing answered is lost or doubled (OFFSHOOT_TEST_SEED=${seed})`, async function () {
    this.timeout(120_000);
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
      const enough = news + Math.floor(random() * 400);
      const latest = performance.now() + 100 + random() * 900;
      await waitFor(() => news >= enough || performance.now() > latest, "a moment to kill at");
      for (const pid of corePids()) done += killNow(pid) ? 1 : 0;
      // A front that has lost several cores waits longer each time; a new one does not.
      if (random() < 0.5) own[Math.floor(random() * own.length)]?.loseFront();
    }
    await load.finish();
    const held = await atRest();
    checkHoldings(held, ledger, editors);
    const ends = Object.groupBy(held.completions, ({ status }) => status);
    const counts = Object.entries(ends).map(([status, all]) => `${all.length} ${status}`);
    const connections = own.reduce((sum, editor) => sum + editor.connections, 0);
    console.log(
      `      ${ledger.spawned.size} spawns, ${connections} fronts; ends: ${counts.join(", ")}`,
    );
    ok((ends.completed?.length ?? 0) > 20, "the load was none");
    ok((ends.interrupted?.length ?? 0) > 5, "the kills hit nothing");
  });
});
