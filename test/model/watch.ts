/**
 * What a client that sees everything may see, over restarts too: each notification is checked as it
 * comes. What was stored when it came counts for good; what was not may be gone after a kill.
 */
import { isDeepStrictEqual } from "node:util";
import type { News } from "../../daemon/sessions/news.ts";
import { isTerminal, type Session } from "../../protocol/session.ts";

interface Seen {
  /** Short, for people. */
  name: string;
  version: number;
  seq: number;
  session: Session | undefined;
  /** The newest that was stored. */
  sure: { version: number; seq: number; session: Session } | undefined;
  isRemoved: boolean;
}

interface SeenRun {
  started: number;
  completed: "no" | "notStored" | "stored";
}

interface CoreFacts {
  /** Whether the store takes writes. */
  isStoring: () => boolean;
  /** Whether somebody asked to remove the session. */
  mayBeGone: (sessionId: string) => boolean;
}

export class Watch {
  readonly faults: string[] = [];
  readonly sessions = new Map<string, Seen>();
  readonly #runs = new Map<string, SeenRun>();
  readonly #approvals = new Set<string>();
  #completionSeq = 0;
  #isStoring: () => boolean = () => true;
  readonly #onSession: (id: string) => void;

  constructor(onSession: (id: string) => void) {
    this.#onSession = onSession;
  }

  fault(text: string): void {
    this.faults.push(this.#named(text));
  }

  /** Ids are replaced by short names. */
  #named(text: string): string {
    return text.replaceAll(/[\da-f]{8}-[\da-f-]{27}/g, (id) => this.sessions.get(id)?.name ?? id);
  }

  completedOf(runId: string): SeenRun["completed"] {
    return this.#runOf(runId).completed;
  }

  startedOf(runId: string): number {
    return this.#runOf(runId).started;
  }

  /** Another core answers from here on, with what the store held. */
  restarted(loaded: readonly Session[], completionSeq: number, core: CoreFacts): void {
    this.#isStoring = core.isStoring;
    const found = new Map(loaded.map((session) => [session.id, session]));
    for (const [id, seen] of this.sessions) {
      const session = found.get(id);
      if (session === undefined) {
        const mayBeGone = seen.sure === undefined || seen.isRemoved || core.mayBeGone(id);
        if (!mayBeGone) this.fault(`${id} is gone`);
        continue;
      }
      if (seen.isRemoved) this.fault(`${id} was removed and is back after a restart`);
      const { sure } = seen;
      if (sure !== undefined && session.version < sure.version) {
        this.fault(`${id} was shown as version ${sure.version}, stored is ${session.version}`);
      }
      if (sure !== undefined && session.lastSeq < sure.seq) {
        this.fault(
          `event ${sure.seq} of ${id} was shown as stored, the last is ${session.lastSeq}`,
        );
      }
    }
    for (const session of loaded) {
      const seen = this.#seen(session.id);
      seen.version = session.version;
      seen.seq = session.lastSeq;
      seen.session = session;
      seen.sure = { version: session.version, seq: session.lastSeq, session };
      if (isTerminal(session) && this.completedOf(session.runId) === "notStored") {
        this.#runOf(session.runId).completed = "stored";
      }
    }
    for (const run of this.#runs.values()) if (run.completed === "notStored") run.completed = "no";
    this.#completionSeq = completionSeq;
    this.#approvals.clear();
  }

  /** Ids of the approvals that nobody has answered, as far as clients know. */
  get openApprovals(): readonly string[] {
    return [...this.#approvals];
  }

  notify(news: News): void {
    switch (news.method) {
      case "session/changed":
        return this.#changed(news.params.session);
      case "session/removed":
        return news.params.sessionIds.forEach((id) => this.#removed(id));
      case "subAgent/started":
        return this.#started(news.params.childSessionId, news.params.runId);
      case "subAgent/event":
        return this.#event(news.params);
      case "subAgent/heartbeat":
        return this.#ofLiveRun(news.method, news.params.childSessionId, news.params.runId);
      case "subAgent/completed":
        return this.#completed(news.params);
      case "approval/requested":
        this.#known(news.method, news.params.approval.sessionId);
        return void this.#approvals.add(news.params.approval.id);
      case "approval/resolved":
        if (this.#approvals.delete(news.params.approvalId)) return;
        return this.fault(`approval ${news.params.approvalId} was resolved and was not open`);
      case "approval/rulesChanged":
      case "daemon/restarted":
      case "daemon/statusChanged":
      case "subAgent/gap":
    }
  }

  #changed(session: Session): void {
    const seen = this.#known("session/changed", session.id);
    if (session.version <= seen.version) {
      this.fault(`${session.id} is version ${session.version} after version ${seen.version}`);
    }
    const before = seen.session;
    if (before !== undefined && isTerminal(before)) {
      const isSame = "runId" in session && session.runId === before.runId;
      if (isSame && session.status !== before.status) {
        this.fault(`${session.id} was ${before.status} and is ${session.status} in the same run`);
      }
      if (isSame && isTerminal(session) && !isDeepStrictEqual(session.error, before.error)) {
        this.fault(`${session.id} has another error in the same run`);
      }
    }
    seen.version = session.version;
    seen.session = session;
    if (this.#isStoring()) seen.sure = { version: seen.version, seq: seen.seq, session };
  }

  #removed(id: string): void {
    const seen = this.#known("session/removed", id);
    seen.isRemoved = true;
    const { session } = seen;
    if (session === undefined || session.kind === "root" || isTerminal(session)) return;
    this.fault(`${id} was ${session.status} when it was removed`);
  }

  #started(sessionId: string, runId: string): void {
    this.#known("subAgent/started", sessionId);
    const run = this.#runOf(runId);
    run.started += 1;
    if (run.started > 1) this.fault(`a run of ${sessionId} was started ${run.started} times`);
    if (run.completed !== "no") this.fault(`a run of ${sessionId} was started after its end`);
  }

  #event(params: {
    childSessionId: string;
    runId: string;
    seq: number;
    stored?: false | undefined;
  }): void {
    const { childSessionId: id, runId, seq, stored } = params;
    this.#ofLiveRun("subAgent/event", id, runId);
    const seen = this.#seen(id);
    if (seq !== seen.seq + 1) this.fault(`event ${seq} of ${id} came after event ${seen.seq}`);
    seen.seq = seq;
    if (stored !== false && seen.sure !== undefined) seen.sure.seq = seq;
  }

  #ofLiveRun(method: string, sessionId: string, runId: string): void {
    this.#known(method, sessionId);
    const run = this.#runOf(runId);
    if (run.started === 0) this.fault(`${method} of ${sessionId} came before the start of its run`);
    if (run.completed !== "no") this.fault(`${method} of ${sessionId} came after its run's end`);
  }

  #completed(params: {
    childSessionId: string;
    runId: string;
    completionSeq: number;
    stored: boolean;
  }) {
    const { childSessionId: id, runId, completionSeq, stored } = params;
    this.#known("subAgent/completed", id);
    const run = this.#runOf(runId);
    if (run.completed !== "no") this.fault(`a run of ${id} was completed twice`);
    run.completed = stored ? "stored" : "notStored";
    if (completionSeq !== this.#completionSeq + 1) {
      this.fault(`completion ${completionSeq} came after completion ${this.#completionSeq}`);
    }
    this.#completionSeq = completionSeq;
  }

  #known(method: string, id: string): Seen {
    const seen = this.#seen(id);
    if (seen.isRemoved) this.fault(`${method} of ${id} came after its removal`);
    return seen;
  }

  #seen(id: string): Seen {
    const known = this.sessions.get(id);
    if (known !== undefined) return known;
    const name = `s${this.sessions.size}`;
    const seen: Seen = {
      ...{ name, version: 0, seq: 0, isRemoved: false },
      ...{ session: undefined, sure: undefined },
    };
    this.sessions.set(id, seen);
    this.#onSession(id);
    return seen;
  }

  #runOf(runId: string): SeenRun {
    const run = this.#runs.get(runId) ?? { started: 0, completed: "no" };
    this.#runs.set(runId, run);
    return run;
  }
}
