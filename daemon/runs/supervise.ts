/** Attempts of a run until one ends it, and what happens between two of them. */
import type { RestartPolicy } from "../../protocol/config.ts";
import type { RunError } from "../../protocol/session.ts";
import { sleep } from "../base/clock.ts";
import type { Settings } from "../config/settings.ts";
import { endingOf, type Ending } from "../sessions/endings.ts";
import { transition } from "../sessions/transition.ts";
import type { Attempts } from "./attempt.ts";
import type { Engine } from "./engine.ts";
import { load } from "./load.ts";
import type { Run } from "./run.ts";
import { suspend, wake } from "./suspension.ts";
import { runError } from "../base/errors.ts";

/** What to do when an attempt fails: restart it, stop, or hand the error to the parent. */
export type Decision =
  | { type: "restart"; inMs: number }
  | { type: "stop" }
  /** The provider asks for a longer wait than a run may have. */
  | { type: "tooLong"; maxWaitMs: number }
  | { type: "escalate" };

/** Runs attempts until one ends the run: by success, by a final error, or because it has to end or pause. */
export async function supervise(
  run: Run,
  engine: Engine,
  attempts: Attempts,
): Promise<Ending | "paused"> {
  const { settings, clock, tree, random } = engine;
  const { causes } = run.stop;
  let restarts = 0;
  for (;;) {
    const beganMs = clock.monotonic();
    const outcome = await attempts.attempt(run);
    if (outcome.status === "paused") return pausedOrEnded(run);
    if (outcome.status !== "error" || causes.length > 0) return endingOf(outcome, causes);
    if (clock.monotonic() - beganMs >= settings().restarts.stableMs) restarts = 0;
    const policy = tree.get(run.sessionId).profile?.restart;
    const decision = decide(outcome.error, restarts, policy, settings().restarts, random);
    if (decision.type === "stop") return endingOf(outcome, causes);
    if (decision.type === "tooLong") {
      const error = throttled(outcome.error, decision.maxWaitMs, clock.now());
      return endingOf({ ...outcome, error }, causes);
    }
    run.held = undefined;
    const goesOn =
      decision.type === "restart"
        ? await waitForRetry(run, decision.inMs, outcome.error, engine)
        : await escalate(run, outcome.error, engine);
    // The next attempt reads the unanswered messages again, with those that came meanwhile.
    const unable = goesOn ? await load(run, engine) : undefined;
    if (causes.length > 0) return endingOf({ ...outcome, status: "aborted" }, causes);
    if (unable !== undefined) return unable;
    await countAttempt(run, engine);
    restarts = decision.type === "restart" ? restarts + 1 : 0;
  }
}

/**
 * The default policy restarts what is retryable and stops on everything else. `restarts` is how
 * many were used up; it starts again only after five minutes of stable running (OTP's intensity),
 * never because an agent said that it was ready. The wait is doubled each time, with up to a fifth
 * of jitter, and is at least what the provider asked for. `random` answers from 0 to 1.
 */
export function decide(
  error: RunError,
  restarts: number,
  policy: RestartPolicy | undefined,
  defaults: Settings["restarts"],
  random: () => number,
): Decision {
  const stop: Decision = policy?.policy === "escalate" ? { type: "escalate" } : { type: "stop" };
  if (policy?.policy === "never") return { type: "stop" };
  if (!error.retryable || restarts >= (policy?.max ?? defaults.max)) return stop;
  const askedMs = error.retryAfterMs ?? 0;
  const maxWaitMs = policy?.maxWaitMs ?? defaults.maxWaitMs;
  if (askedMs > maxWaitMs) return stop.type === "escalate" ? stop : { type: "tooLong", maxWaitMs };
  const wait = (policy?.backoffMs ?? defaults.backoffMs) * 2 ** restarts;
  const jittered = Math.round(wait * (1 + random() / 5));
  return { type: "restart", inMs: Math.max(jittered, askedMs) };
}

/** Says until when the provider takes no request, and what to do about it. `now` in epoch ms. */
function throttled(error: RunError, maxWaitMs: number, now: number): RunError {
  const until = new Date(now + (error.retryAfterMs ?? 0)).toISOString();
  const message =
    `${error.message} (the provider takes no request before ${until}, and a run waits for ` +
    `${Math.round(maxWaitMs / 1000)} s at most: run it again then, or set restart.maxWaitMs)`;
  return { ...error, code: "throttled", message };
}

/** A reason to end beats a pause; a runner that pauses unasked is an error. */
function pausedOrEnded({ stop, pause }: Run): Ending | "paused" {
  if (stop.causes.length > 0) return endingOf({ status: "aborted" }, stop.causes);
  if (pause !== "no") return "paused";
  const message = "the runner paused without being asked to";
  return { status: "error", error: runError("internal", message) };
}

/** Waits without a slot and without a watchdog. False when the run has to end instead. */
async function waitForRetry(
  run: Run,
  inMs: number,
  error: RunError,
  engine: Engine,
): Promise<boolean> {
  const { clock, events } = engine;
  events.emit(run, { type: "retry", attempt: attemptOf(run, engine) + 1, inMs, error });
  const until = clock.now() + inMs;
  run.move({ type: "wait", error, between: { why: "backoff", until } });
  // Programs that waited for children ended with the attempt.
  run.waits.clear();
  await suspend(run, engine);
  await sleep(clock, inMs, run.stop.signal);
  run.move({ type: "reload" });
  return await wake(run, engine);
}

/** Hands the error to the parent and waits, alive and without a slot, for a new message. */
async function escalate(run: Run, error: RunError, engine: Engine): Promise<boolean> {
  const text = `failed and waits for a message: ${error.message}`;
  engine.events.emit(run, { type: "note", level: "error", text });
  const { signal } = run.stop;
  const { promise: resumed, resolve: resume } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resume(), { once: true });
  run.move({ type: "wait", error, between: { why: "escalated", resume } });
  run.waits.clear();
  await suspend(run, engine);
  const { messageCount } = engine.tree.get(run.sessionId).session;
  // A message that came during the attempt resumes the run too.
  if (signal.aborted || messageCount > run.inbox.readUpTo) resume();
  else engine.sessionChanged(run.sessionId);
  await resumed;
  run.move({ type: "reload" });
  return await wake(run, engine);
}

function attemptOf(run: Run, { tree }: Engine): number {
  const { session } = tree.get(run.sessionId);
  return "attempt" in session ? session.attempt : 1;
}

async function countAttempt(run: Run, engine: Engine): Promise<void> {
  const attempt = attemptOf(run, engine) + 1;
  const { ending: _failed, held: _gone, ...record } = engine.tree.get(run.sessionId);
  const move = { type: "restart", attempt } as const;
  const session = transition(record.session, move, engine.clock.now());
  await engine.tree.commit([{ records: [{ ...record, session }] }], { ifFailing: "retry" });
}
