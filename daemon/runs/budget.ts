/** Counts what runs use, up to the root; a run over a budget ends, with all runs below that budget. */
import type { Limits, Session, Usage } from "../../protocol/session.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Settings } from "../config/settings.ts";
import type { EndCause } from "../sessions/endings.ts";
import { addUsage, exceededBudget } from "../sessions/limits.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import { transition } from "../sessions/transition.ts";
import type { Events } from "./events.ts";
import { endRun, type Run } from "./run.ts";
import type { RunTable } from "./runTable.ts";

type BudgetCause = Extract<EndCause, { kind: "budget" }>;

interface Over {
  limit: keyof Limits;
  used: number;
  max: number;
}

interface Spent {
  over: Over;
  cause: BudgetCause;
}

interface Parts {
  tree: SessionTree;
  runs: RunTable;
  events: Events;
  settings: () => Settings;
  clock: Clock;
  log: Log;
}

export class Budget {
  readonly #parts: Parts;
  /** Runs whose present turn is not counted yet. */
  readonly #inTurn = new Set<Run>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Whether the run may begin a turn; where its budget has no other, the run ends. */
  beginTurn(run: Run): boolean {
    // A turn that failed was never counted.
    this.turnOver(run);
    const cause = run.meter.afterLastTurn ?? this.spentBy(run.sessionId, this.#inTurn)?.cause;
    if (cause !== undefined) endRun(run, cause);
    if (run.stop.signal.aborted) return false;
    this.#inTurn.add(run);
    return true;
  }

  /** The turn that the run has begun was counted, or never will be. */
  turnOver(run: Run): void {
    this.#inTurn.delete(run);
  }

  /** Adds to the session and to every session above it; ends runs whose tree is over its budget. */
  count(run: Run, more: Partial<Usage>, sessionId = run.sessionId): void {
    if (run.isClosed) return;
    const { tree, runs, events, settings, clock, log } = this.#parts;
    const added = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, costUsd: 0 };
    const delta: Usage = { ...added, turns: 0, toolCalls: 0, ...more };
    const records = [...tree.upwards(sessionId)].map((record) => {
      const { id, usage, treeUsage } = record.session;
      const fields = {
        treeUsage: addUsage(treeUsage, delta),
        ...(id === sessionId && { usage: addUsage(usage, delta) }),
      };
      return {
        ...record,
        session: transition(record.session, { type: "update", fields }, clock.now()),
      };
    });
    void tree.commit([{ records }], { ifFailing: "retry", durability: "lazy" });
    const own = records[0]?.session;
    if (own === undefined) return;
    if (sessionId === run.sessionId) events.emit(run, { type: "usage", ...own.usage });
    else {
      tree
        .append(sessionId, run.runId, { type: "usage", ...own.usage })
        .catch((err: unknown) => log.error({ err, sessionId }, "an event could not be stored"));
    }
    const { meter } = run;
    meter.turns += delta.turns;
    if (delta.turns > 0) this.turnOver(run);
    if (delta.turns > 0 && meter.turns > 1) this.#warnOfUnknownCost(run, own);
    const { maxTurns } = settings();
    const spent = this.spentBy(run.sessionId);
    if (spent !== undefined) {
      // Whoever works below that session draws on the same budget.
      for (const other of runs.all()) {
        if (other.attempt === undefined) continue;
        if (!tree.isWithin(other.sessionId, spent.sessionId)) continue;
        if (other === run) this.#stopSpending(run, spent);
        else endRun(other, spent.cause);
      }
    } else if (own.limits.maxTurns === undefined && meter.turns >= maxTurns) {
      const over = { limit: "maxTurns", used: meter.turns, max: maxTurns } as const;
      this.#stopSpending(run, { over, cause: causeOf(over, own.title) });
    }
  }

  /**
   * The budget that is used up, of the session or of one above it; of several the highest. The
   * turns that `begun` has begun count as taken.
   */
  spentBy(
    sessionId: string,
    begun: Iterable<Run> = [],
  ): (Spent & { sessionId: string }) | undefined {
    const { tree } = this.#parts;
    let spent: (Spent & { sessionId: string }) | undefined;
    for (const { session } of tree.upwards(sessionId)) {
      const { limits, treeUsage } = session;
      const below = [...begun].filter((other) => tree.isWithin(other.sessionId, session.id));
      const turns = treeUsage.turns + below.length;
      const over = exceededBudget(limits, { ...treeUsage, turns });
      if (over === undefined) continue;
      spent = { sessionId: session.id, over, cause: causeOf(over, session.title) };
    }
    return spent;
  }

  /** Most providers do not say what a turn costs, and a budget of money then bounds nothing. */
  #warnOfUnknownCost(run: Run, { usage, limits }: Session): void {
    const tokens = usage.inputTokens + usage.outputTokens;
    if (limits.maxCostUsd === undefined || tokens === 0 || usage.costUsd > 0) return;
    if (run.meter.isCostWarned === true) return;
    run.meter.isCostWarned = true;
    const text =
      "The cost of this run is unknown, since neither the agent nor its provider says it: " +
      "maxCostUsd cannot be enforced. Set maxTokens as well.";
    this.#parts.events.emit(run, { type: "note", level: "warning", text });
  }

  /** A run that has used exactly its turns or calls may end by itself, but gets no further ones. */
  #stopSpending(run: Run, { over, cause }: Spent): void {
    const budget = `${over.limit} ${over.max}`;
    if (run.meter.usedUp !== budget) this.#parts.events.emit(run, { type: "budget", ...over });
    run.meter.usedUp = budget;
    // Turns count when they end, calls when they begin.
    if (over.limit === "maxTurns" && over.used === over.max) run.meter.afterLastTurn = cause;
    else if (over.limit !== "maxToolCalls" || over.used > over.max) endRun(run, cause);
  }
}

function causeOf({ limit, used, max }: Over, title: string): BudgetCause {
  const code = limit === "maxTurns" ? "max_turns" : "budget_exceeded";
  return { kind: "budget", code, message: `${limit} of "${title}" is used up: ${used} of ${max}` };
}
