/** One session as a row of the tree: what it says, and how it is read aloud. Pure. */
import { isTerminal, type Session, type SessionStatus } from "../protocol/session.ts";

export interface SessionRow {
  label: string;
  /** The changing part: state, agent, time, and what it does or why it ended. */
  description: string;
  /** Name of a codicon; `spin` ones turn. */
  icon: string;
  /** Id of a theme colour; absent: the default. */
  color?: string;
  tooltip: string;
  /** What a screen reader says. */
  accessibleLabel: string;
  /** For `when` clauses of menus: `session.running`, `session.completed`, `root` … */
  contextValue: string;
}

const looks: Record<SessionStatus, { icon: string; color?: string }> = {
  created: { icon: "circle-outline" },
  queued: { icon: "clock" },
  running: { icon: "loading~spin", color: "charts.blue" },
  suspended: { icon: "debug-pause", color: "charts.yellow" },
  paused: { icon: "stop-circle" },
  completed: { icon: "pass", color: "testing.iconPassed" },
  cancelled: { icon: "circle-slash" },
  error: { icon: "error", color: "testing.iconFailed" },
  timeout: { icon: "watch", color: "testing.iconFailed" },
  interrupted: { icon: "debug-disconnect", color: "charts.orange" },
  skipped: { icon: "debug-step-over" },
};

/** `now` in epoch milliseconds. */
export function sessionRow(session: Session, now: number): SessionRow {
  if (session.kind === "root") {
    const { title, cwd } = session;
    return {
      label: title,
      description: cwd,
      icon: "folder",
      tooltip: escaped(cwd),
      accessibleLabel: `${title}, root`,
      contextValue: "root",
    };
  }
  const state = stateWord(session);
  const facts = [state, session.agent, timeOf(session, now), detailOf(session), costOf(session)];
  const said = facts.filter((fact) => fact !== "");
  const { icon, color } =
    "stalled" in session && session.stalled
      ? { icon: "warning", color: "charts.orange" }
      : looks[session.status];
  return {
    label: session.title,
    description: said.join(" · "),
    icon,
    ...(color !== undefined && { color }),
    tooltip: tooltipOf(session, said),
    accessibleLabel: [session.title, ...said].join(", "),
    contextValue: `session.${session.status}${session.adopted === true ? ".adopted" : ""}`,
  };
}

function stateWord(session: Session): string {
  if (session.status === "suspended") return `waiting for ${session.waitingFor.kind}`;
  if (session.status === "running" && session.stalled) return "stalled";
  if (session.status === "queued" && session.position !== undefined) {
    return `queued, place ${session.position}`;
  }
  return session.status;
}

function timeOf(session: Session, now: number): string {
  if (isTerminal(session)) {
    return session.startedAt === undefined ? "" : duration(session.endedAt - session.startedAt);
  }
  return "startedAt" in session ? duration(now - session.startedAt) : "";
}

function detailOf(session: Session): string {
  if ("activity" in session && session.activity !== undefined) return session.activity.label;
  if (!isTerminal(session)) return "";
  return session.status === "completed" ? "" : (session.error?.message ?? session.reason ?? "");
}

function costOf({ treeUsage: { costUsd, inputTokens, outputTokens } }: Session): string {
  const tokens = inputTokens + outputTokens;
  const money = costUsd > 0 ? `$${costUsd.toFixed(2)}` : "";
  return [tokens > 0 ? `${tokens.toLocaleString("en")} tokens` : "", money].join(" ").trim();
}

function tooltipOf(session: Session, said: readonly string[]): string {
  const lines = [`**${escaped(session.title)}**`, said.map(escaped).join(" · ")];
  if (session.model !== undefined) lines.push(`model ${escaped(session.model)}`);
  lines.push(`\`${session.id}\``);
  return lines.join("\n\n");
}

/** Text of agents is hostile: nothing of it may become Markdown. */
function escaped(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]()#+\-.!|<>&~$]/g, String.raw`\$&`);
}

/** `9s`, `3m 05s`, `2h 10m`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${String(seconds % 60).padStart(2, "0")}s`;
  return `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, "0")}m`;
}
