/**
 * The sign of each state of a session, for rows, transcripts and timelines. One meaning has one
 * colour and one sign; the signs differ in shape, too, so that nobody depends on the colour. Pure.
 */
import type { Session, SessionStatus, WaitingFor } from "../../protocol/session.ts";

/** The state as people see it; of a session that waits, what it waits for. */
export type ShownState = Exclude<SessionStatus, "suspended"> | "stalled" | WaitingFor["kind"];

/** What a colour means. `needsYou`: waits for a person; `waits`: waits for something else. */
export type Tone = "works" | "needsYou" | "waits" | "good" | "bad" | "odd" | "quiet";

export interface Sign {
  tone: Tone;
  /** Name of a codicon; `spin` ones turn. */
  icon: string;
  /** The same sign without its circle, for a session that an outside agent started. */
  adoptedIcon?: string;
  /** The sign as an SVG path in a square of 16 by 16, for a stroke width of 1.5. */
  strokes: string;
}

const circle = "M8 2.6a5.4 5.4 0 1 0 0 10.8a5.4 5.4 0 1 0 0-10.8z";

export const stateSigns: Readonly<Record<ShownState, Sign>> = {
  created: { tone: "quiet", icon: "circle-outline", strokes: circle },
  queued: { tone: "quiet", icon: "clock", strokes: `${circle} M8 5v3.3l2.2 1.4` },
  running: {
    tone: "works",
    icon: "loading~spin",
    adoptedIcon: "sync~spin",
    strokes: "M8 2.6a5.4 5.4 0 1 1-5.4 5.4",
  },
  stalled: { tone: "odd", icon: "warning", strokes: "M8 2.8l5.7 10h-11.4z M8 6.6v2.6 M8 11.2v.1" },
  approval: {
    tone: "needsYou",
    icon: "bell",
    strokes: "M3.2 11.2c1.2-1 1.2-2.2 1.2-4.2a3.6 3.6 0 0 1 7.2 0c0 2 0 3.2 1.2 4.2z M6.8 13.4h2.4",
  },
  input: {
    tone: "needsYou",
    icon: "comment",
    strokes: "M2.8 3.8h10.4v6.8h-6l-2.4 2.2v-2.2h-2z",
  },
  children: {
    tone: "waits",
    icon: "list-tree",
    strokes: "M2.6 3.4h7.4 M4.4 3.4v8.8h2.4 M4.4 7.8h2.4 M8.4 7.8h5 M8.4 12.2h5",
  },
  background: {
    tone: "waits",
    icon: "server-process",
    strokes: "M2.8 4h10.4v8h-10.4z M5 6.6l1.6 1.4l-1.6 1.4 M8.4 9.6h2.4",
  },
  retry: {
    tone: "waits",
    icon: "history",
    strokes: `${circle} M8 5v3.3l-2.2 1.4`,
  },
  paused: { tone: "quiet", icon: "debug-pause", strokes: "M5.8 4v8 M10.2 4v8" },
  completed: {
    tone: "good",
    icon: "pass",
    adoptedIcon: "check",
    strokes: `${circle} M5.4 8.2l1.8 1.8l3.4-3.8`,
  },
  cancelled: { tone: "quiet", icon: "circle-slash", strokes: `${circle} M4.2 11.8l7.6-7.6` },
  error: {
    tone: "bad",
    icon: "error",
    adoptedIcon: "close",
    strokes: `${circle} M6 6l4 4 M10 6l-4 4`,
  },
  timeout: {
    tone: "bad",
    icon: "watch",
    strokes:
      "M8 4a4 4 0 1 0 0 8a4 4 0 1 0 0-8z M8 6v2.2l1.4.9 M6.2 4l.4-2h2.8l.4 2 M6.2 12l.4 2h2.8l.4-2",
  },
  interrupted: {
    tone: "odd",
    icon: "zap",
    strokes: "M9.2 2.2l-4.6 6.6h3.4l-1.2 5l4.6-6.6h-3.4z",
  },
  skipped: { tone: "quiet", icon: "dash", strokes: "M3.6 8h8.8" },
};

/** Ids of theme colours. A sign without one has the colour of the text beside it. */
export const toneColors: Readonly<Record<Exclude<Tone, "quiet">, string>> = {
  works: "charts.blue",
  needsYou: "charts.yellow",
  waits: "charts.purple",
  good: "charts.green",
  bad: "charts.red",
  // The orange of the charts is too pale in some light themes.
  odd: "symbolIcon.eventForeground",
};

export function shownState(session: Session): ShownState {
  if (session.status === "suspended") return session.waitingFor.kind;
  return session.status === "running" && session.stalled ? "stalled" : session.status;
}

/** The state of a session of which only the status is known. */
export function shownStateOf(status: SessionStatus): ShownState {
  return status === "suspended" ? "children" : status;
}
