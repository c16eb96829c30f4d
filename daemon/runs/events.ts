/** What live runs emit: numbered, stored and then sent to clients by the tree of sessions. */
import type { AgentEvent } from "../../protocol/events.ts";
import { sleep, type Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import { endRun, type Run } from "./run.ts";

/** Events that show that an agent began another turn. */
const beginsTurn: ReadonlySet<AgentEvent["type"]> = new Set([
  "turn.started",
  "message.delta",
  "reasoning.delta",
  "tool.started",
]);

/** A runner waits before it reads more when this many characters of its events are not stored. */
const mostUnstored = 256 * 1024;
/** The same, in bytes, when this much of all runs waits for the store. */
const mostPending = 64 * 1024 * 1024;
const lookEveryMs = 100;

interface Backlog {
  characters: number;
  waiting: (() => void)[];
}

interface Parts {
  tree: SessionTree;
  store: { readonly pendingBytes: number };
  clock: Clock;
  log: Log;
}

export class Events {
  readonly #parts: Parts;
  readonly #backlogs = new WeakMap<Run, Backlog>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Never throws; an event that comes after the end of its run is dropped. */
  emit(run: Run, event: AgentEvent): void {
    const { tree, clock, log } = this.#parts;
    const facts = tree.live.get(run.sessionId);
    if (run.isClosed || facts === undefined) {
      log.debug({ runId: run.runId, type: event.type }, "an event came after the end of its run");
      return;
    }
    facts.lastProgressAt = clock.now();
    run.watchdog?.progress();
    const { afterLastTurn } = run.meter;
    if (afterLastTurn !== undefined && beginsTurn.has(event.type)) endRun(run, afterLastTurn);
    const backlog = this.#backlogOf(run);
    const size = "text" in event ? event.text.length : 200;
    backlog.characters += size;
    void tree
      .append(run.sessionId, run.runId, event)
      .catch((err: unknown) => {
        log.error({ err, runId: run.runId, type: event.type }, "an event could not be stored");
      })
      .then(() => {
        backlog.characters -= size;
        if (backlog.characters > mostUnstored || backlog.waiting.length === 0) return;
        for (const resume of backlog.waiting.splice(0)) resume();
      });
  }

  /** Resolves when the store has caught up with the run. */
  async ready(run: Run): Promise<void> {
    const { store, clock } = this.#parts;
    const backlog = this.#backlogOf(run);
    if (backlog.characters > mostUnstored) {
      await new Promise<void>((resolve) => backlog.waiting.push(resolve));
    }
    // A store that cannot write keeps everything in memory until it can.
    const { signal } = run.stop;
    while (store.pendingBytes > mostPending && !signal.aborted) await sleep(clock, lookEveryMs);
  }

  #backlogOf(run: Run): Backlog {
    const found = this.#backlogs.get(run) ?? { characters: 0, waiting: [] };
    this.#backlogs.set(run, found);
    return found;
  }
}
