/** Work of all kinds for a daemon that is being tormented, chosen by a seeded random. */
import type { Session } from "../../protocol/session.ts";
import type { Editor } from "./faultEditor.ts";
import type { Ledger } from "./faultLedger.ts";

export interface Load {
  /** Sessions whose end somebody waits for. */
  readonly unsettled: ReadonlySet<string>;
  /** Takes no new work. */
  stop(): void;
  /** Whether everything was answered. Throws what made the load fail. */
  isOver(): boolean;
}

interface Parts {
  editors: readonly Editor[];
  ledger: Ledger;
  /** A folder to run agents in. */
  cwd: string;
  random: () => number;
  /** How many pieces of work there are at the same time. */
  workers: number;
  /** No more spawns than this. */
  mostSpawns: number;
}

const quick = ["true", "echo done", "exit 3", "sleep 0.05; echo slept", "kill -9 $$"];
const talkative = [
  "seq 300",
  "for i in 1 2 3 4 5 6; do echo line $i; sleep 0.03; done",
  "for i in 1 2 3; do printf 'part %s ' $i; sleep 0.12; done; echo",
  "echo problem >&2; seq 20; exit 7",
];
const lasting = ["sleep 30", "trap '' TERM; sleep 30 & wait", "(setsid sleep 30 &) ; sleep 30"];
const nested = [
  `id=$(offshoot spawn 'echo child; sleep 0.2') && offshoot wait "$id"`,
  "offshoot run 'for i in 1 2 3; do echo grandchild $i; sleep 0.05; done'",
];

export function startLoad(parts: Parts): Load {
  const { editors, ledger, cwd, random, workers, mostSpawns } = parts;
  const unsettled = new Set<string>();
  let spawns = 0;
  let ended = false;
  const pick = <Value>(all: readonly Value[]): Value => {
    const value = all[Math.floor(random() * all.length)];
    if (value === undefined) throw new Error("nothing to pick from");
    return value;
  };

  function noteRun(session: Session): void {
    if ("runId" in session) ledger.runs.add(session.runId);
  }

  /** With a key, and asked again until it is answered: the same key is the same session. */
  async function spawn(prompt: string): Promise<string> {
    const requestKey = `key ${(spawns += 1)}`;
    const params = { prompt, cwd, requestKey, title: requestKey };
    const { session } = await pick(editors).insist("session/spawn", params);
    noteRun(session);
    ledger.spawned.set(requestKey, session.id);
    if (random() < 0.1) {
      const again = await pick(editors).insist("session/spawn", params);
      if (again.session.id !== session.id) throw new Error(`${requestKey} made two sessions`);
    }
    return session.id;
  }

  async function settled(sessionId: string): Promise<void> {
    unsettled.add(sessionId);
    const params = { sessionIds: [sessionId], timeoutMs: 5_000 };
    let isPending = true;
    while (isPending) {
      const { completions } = await pick(editors).insist("session/wait", params);
      isPending = completions.length === 0;
    }
    unsettled.delete(sessionId);
  }

  async function cancelLasting(): Promise<void> {
    const id = await spawn(pick(lasting));
    if (random() < 0.5) await pick(editors).ask("session/send", { sessionId: id, text: "true" });
    await pick(editors).insist("session/cancel", { sessionId: id });
    await settled(id);
    // A kill of the core may have come between a send and its answer: what it queued runs still.
    await pick(editors).insist("session/cancel", { sessionId: id });
  }

  /** One attempt each: these have no key, so after a fault nobody can say whether they happened. */
  async function goOn(sessionId: string): Promise<void> {
    await settled(sessionId);
    const kind = random();
    if (kind < 0.4) {
      await pick(editors).ask("session/send", { sessionId, text: pick(quick) });
    } else if (kind < 0.6) {
      const reply = await pick(editors).ask("session/run", { sessionId });
      if ("result" in reply) noteRun(reply.result.session);
    } else {
      ledger.deleting.add(sessionId);
      const reply = await pick(editors).ask("session/delete", { sessionId });
      if ("result" in reply) ledger.deleted.add(sessionId);
    }
  }

  async function work(): Promise<void> {
    while (!ended && spawns < mostSpawns) {
      const kind = random();
      if (kind < 0.35) await settled(await spawn(pick(quick)));
      else if (kind < 0.6) await settled(await spawn(pick(talkative)));
      else if (kind < 0.75) await cancelLasting();
      else if (kind < 0.8) await settled(await spawn(pick(nested)));
      else if (kind < 0.9) await spawn(pick(talkative));
      else await goOn(await spawn(pick(quick)));
    }
  }

  let over = false;
  let failure: unknown;
  Promise.all(Array.from({ length: workers }, work)).then(
    () => (over = true),
    (error: unknown) => (failure = error),
  );
  return {
    unsettled,
    stop() {
      ended = true;
    },
    isOver() {
      if (failure !== undefined) throw failure;
      return over;
    },
  };
}
