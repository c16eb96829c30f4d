/** What a script is made of: plain data, so that one that fails can be pasted into a test. */
import * as fc from "fast-check";
import type { Limits, RunErrorCode } from "../../protocol/session.ts";
import type { Manner } from "./agents.ts";

/** Sessions and agents are named by their place among those that there are then, counted round. */
export type Step = Action & {
  /** The next step follows before this one has come to rest. */
  atOnce?: true;
};

export interface Spawn {
  agent: (typeof agentNames)[number];
  manner: Manner;
  below?: number;
  folder?: number;
  limits?: Limits;
  priority?: number;
  key?: number;
  autoRun?: false;
}

/** What clients ask for. */
export type RequestStep =
  | ({ do: "spawn" } & Spawn)
  | { do: "run" | "delete" | "rename"; session: number }
  | { do: "cancel"; session: number; byRunOf?: number }
  | { do: "pause" | "resume"; session: number; tree?: true }
  | { do: "send"; session: number; interrupt?: true }
  | { do: "wait"; sessions: number[]; until: "all" | "any" | "firstError"; timeoutMs?: number }
  | { do: "giveUpWait"; wait: number }
  | { do: "prune"; maxAgeMs?: number; maxBytes?: number }
  | { do: "answer"; approval: number; decision: (typeof decisions)[number] };

/** What the agent of a run does. */
export type AgentStep = { by: number } & (
  | ({ do: "spawnFromRun" } & Spawn)
  | { do: "waitInside"; sessions: number[]; until: "all" | "any"; timeoutMs?: number }
  | { do: "complete" | "throw" | "pausedUnasked" | "pauseAtTurn" | "leaveBehind" }
  | { do: "read" | "emit" | "turn" | "ask" }
  | { do: "fail"; code: RunErrorCode; retryAfterMs?: number }
  | { do: "use"; tokens?: number; turns?: number; toolCalls?: number }
  | { do: "adopt"; tool: number; parent?: number }
  | { do: "useAdopted" | "endAdopted"; adopted: number }
);

/** What happens to the machine, its disk and the settings. */
export type MachineStep =
  | { on: "clock"; do: "advance"; ms: number }
  | { on: "disk"; do: "hold" | "release" | "break" | "heal" }
  | { on: "disk"; do: "letThrough"; statements: number }
  | { on: "core"; do: "bounds"; total: number; perRoot: number }
  | { on: "core"; do: "kill" }
  | { on: "core"; do: "stop"; runs: "interrupt" | "cancel" };

export type Action = RequestStep | AgentStep | MachineStep;

export const agentNames = ["plain", "escalates", "resumes", "never"] as const;
const decisions = ["allowOnce", "denyOnce", "allowAlways", "denyAlways"] as const;

const session = fc.nat(9);
const sessions = fc.array(session, { minLength: 1, maxLength: 3 });
const by = fc.nat(5);
const ms = fc.constantFrom(500, 1_000, 5_000, 20_000, 120_000, 600_000, 2_000_000);
const waitMs = fc.constantFrom(0, 1_000, 60_000, 1_000_000);
const on = (what: Extract<Action, { on: string }>["on"]) => fc.constant(what);
/** Mostly undefined: once in `times` there is a value. */
function once<Value>(times: number, arbitrary: fc.Arbitrary<Value>) {
  const undefinedOften = { weight: times - 1, arbitrary: fc.constant(undefined) };
  return fc.oneof(undefinedOften, { weight: 1, arbitrary });
}

const limits = fc.constantFrom<Limits>(
  { maxTokens: 10 },
  { maxTurns: 2 },
  { maxToolCalls: 1 },
  { maxTokens: 30, maxTurns: 3 },
  { timeoutMs: 60_000 },
  { idleTimeoutMs: 30_000 },
  { maxChildren: 1, maxDepth: 2 },
);

const spawn = {
  agent: fc.constantFrom(...agentNames),
  manner: fc.oneof(
    { weight: 4, arbitrary: fc.constant<Manner>("obeys") },
    { weight: 1, arbitrary: fc.constantFrom<Manner>("completes", "ignores") },
  ),
  below: once(2, session),
  folder: fc.nat(1),
  limits: once(4, limits),
  priority: once(4, fc.constantFrom(-1, 1)),
  key: once(5, fc.nat(1)),
  autoRun: once(6, fc.constant(false as const)),
};
const codes = fc.constantFrom<RunErrorCode>("network", "throttled", "auth", "runner_crashed");

/** Weights make scripts in which much is under way at the same time. */
const action: fc.Arbitrary<Action> = fc.oneof(
  of(16, "spawn", spawn),
  of(3, "spawnFromRun", { by, ...spawn }),
  of(2, "run", { session }),
  of(2, "delete", { session }),
  of(1, "rename", { session }),
  of(3, "cancel", { session, byRunOf: once(3, session) }),
  of(3, "pause", { session, tree: once(2, fc.constant(true as const)) }),
  of(3, "resume", { session, tree: once(2, fc.constant(true as const)) }),
  of(5, "send", { session, interrupt: once(2, fc.constant(true as const)) }),
  of(1, "wait", {
    sessions,
    until: fc.constantFrom("all", "any", "firstError"),
    timeoutMs: once(2, waitMs),
  }),
  of(4, "waitInside", {
    ...{ by, sessions },
    until: fc.constantFrom("all", "any"),
    timeoutMs: once(2, waitMs),
  }),
  of(1, "giveUpWait", { wait: fc.nat(3) }),
  of(1, "prune", {
    maxAgeMs: once(2, fc.constantFrom(0, 60_000)),
    maxBytes: once(2, fc.constantFrom(0, 1_000_000)),
  }),
  of(3, "answer", { approval: fc.nat(3), decision: fc.constantFrom(...decisions) }),
  of(2, "bounds", {
    on: on("core"),
    total: fc.integer({ min: 1, max: 4 }),
    perRoot: fc.integer({ min: 1, max: 3 }),
  }),
  of(8, "complete", { by }),
  of(1, "throw", { by }),
  of(1, "pausedUnasked", { by }),
  of(2, "read", { by }),
  of(2, "emit", { by }),
  of(2, "turn", { by }),
  of(6, "fail", { by, code: codes, retryAfterMs: once(4, fc.constantFrom(10_000, 50_000_000)) }),
  of(3, "pauseAtTurn", { by }),
  of(4, "use", {
    by,
    tokens: once(2, fc.constantFrom(4, 12)),
    turns: once(2, fc.constantFrom(1, 2)),
    toolCalls: once(2, fc.constant(1)),
  }),
  of(3, "ask", { by }),
  of(3, "adopt", { by, tool: fc.nat(2), parent: once(2, fc.nat(2)) }),
  of(1, "useAdopted", { by, adopted: fc.nat(2) }),
  of(1, "endAdopted", { by, adopted: fc.nat(2) }),
  of(1, "leaveBehind", { by }),
  of(6, "advance", { on: on("clock"), ms }),
  of(2, "hold", { on: on("disk") }),
  of(3, "release", { on: on("disk") }),
  of(4, "letThrough", { on: on("disk"), statements: fc.integer({ min: 1, max: 6 }) }),
  of(1, "break", { on: on("disk") }),
  of(3, "heal", { on: on("disk") }),
  of(1, "kill", { on: on("core") }),
  of(1, "stop", { on: on("core"), runs: fc.constantFrom("interrupt", "cancel") }),
);

const step: fc.Arbitrary<Step> = fc
  .tuple(action, once(4, fc.constant(true as const)))
  .map(([what, atOnce]) => defined({ ...what, atOnce }) as Step);

export const scripts = fc.array(step, { minLength: 1, maxLength: 60, size: "max" });

function of(
  weight: number,
  name: Action["do"],
  fields: Record<string, fc.Arbitrary<unknown>>,
): fc.WeightedArbitrary<Action> {
  const arbitrary = fc.record({ do: fc.constant(name), ...fields });
  return { weight, arbitrary: arbitrary as fc.Arbitrary<unknown> as fc.Arbitrary<Action> };
}

/** Without what is undefined, so that a printed script is short. */
function defined(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
