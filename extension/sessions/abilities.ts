/** What can be done with a session, by its state and the states below it. Pure. */
import type { Session } from "../../protocol/session.ts";
import { isLive, isTerminal } from "../../protocol/states.ts";
import { needsPerson } from "./sessionWords.ts";

/** The names in `contextValue` of rows and, as `offshoot.can.<name>`, in context keys. */
export const allAbilities = [
  ...(["cancel", "pause", "resume", "retry", "send", "spawnChild"] as const),
  ...(["transcript", "result", "cost", "rename", "delete", "wait"] as const),
];
export type Ability = (typeof allAbilities)[number];

/** How many sessions below one are in the states that decide what can be done. */
export interface Below {
  /** Neither ended nor merely created. */
  open: number;
  running: number;
  queued: number;
  /** Queued, or live with turns at which a run can pause. */
  pausable: number;
  paused: number;
  /** Those that wait for a person. */
  needing: number;
}

export const nothingBelow: Below = {
  ...{ open: 0, running: 0, queued: 0 },
  ...{ pausable: 0, paused: 0, needing: 0 },
};

/** Adds a child, and what is below it, to the counts of its parent. */
export function addBelow(sum: Below, session: Session, below: Below): Below {
  const isOpen = !isTerminal(session) && session.status !== "created" && session.kind === "child";
  return {
    open: sum.open + below.open + Number(isOpen),
    running: sum.running + below.running + Number(session.status === "running"),
    queued: sum.queued + below.queued + Number(session.status === "queued"),
    pausable: sum.pausable + below.pausable + Number(canPause(session)),
    paused: sum.paused + below.paused + Number(session.status === "paused"),
    needing: sum.needing + below.needing + Number(needsPerson(session)),
  };
}

export function abilitiesOf(session: Session, below: Below): Ability[] {
  const { status } = session;
  const isChild = session.kind === "child";
  const isOver = isTerminal(session);
  // Only the outside agent that started a session can steer it.
  const isOwn = isChild && session.adopted !== true;
  const isOpen = isChild && !isOver && status !== "created";
  const can: Record<Ability, boolean> = {
    cancel: (isOwn && !isOver) || below.open > 0,
    pause: canPause(session) || below.pausable > 0,
    resume: status === "paused" || below.paused > 0,
    retry: isOwn && (isOver || status === "created"),
    send: isOwn,
    spawnChild: true,
    transcript: isChild,
    result: isOver && (session.result !== undefined || session.error !== undefined),
    cost: true,
    rename: true,
    // An adopted session belongs to its parent's run and can be deleted alone only after its end.
    delete: isOwn || isOver || !isChild,
    wait: isOpen || below.open > 0,
  };
  return allAbilities.filter((ability) => can[ability]);
}

/** Only the built-in agent has turns at which a live run can pause. */
function canPause(session: Session): boolean {
  const hasTurns = session.runner === "model" && session.adopted !== true;
  return session.status === "queued" || (isLive(session) && hasTurns);
}
