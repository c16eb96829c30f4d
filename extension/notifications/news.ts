/** What is worth a notification, its text, and how many become one notification. Pure. */
import type { Approval } from "../../protocol/approvals.ts";
import type { Completion } from "../../protocol/messages.ts";
import type { Session } from "../../protocol/session.ts";
import { approvalSentence } from "../approvals/approvalRow.ts";
import { oneLine, withoutLinks } from "../base/text.ts";
import { whyEnded } from "../sessions/outcomeWords.ts";
import { needsMessage } from "../sessions/sessionWords.ts";
import type { NotificationLevel } from "../editor/settings.ts";

export interface News {
  /** Identifies the transition: the same in every window, and never used for another one. */
  key: string;
  about: "approval" | "input" | "failed" | "finished";
  sessionId: string;
  text: string;
  /** Only a person can act on it: it waits for one, or has failed and no parent gets the error. */
  needsPerson: boolean;
  approvalId?: string;
  /** An event that hit several at once, such as the end of the daemon: they share a notification. */
  sharedEvent?: string;
}

export function newsOfApproval(approval: Approval): News {
  return {
    key: `approval-${approval.runId}-${approval.id}`,
    about: "approval",
    sessionId: approval.sessionId,
    text: approvalSentence(approval),
    needsPerson: true,
    approvalId: approval.id,
  };
}

/** A run that waits for a message from a person. */
export function newsOfSession(session: Session): News | undefined {
  if (!needsMessage(session) || session.status !== "suspended") return undefined;
  return {
    key: `input-${session.runId}-${session.suspendedAt}`,
    about: "input",
    sessionId: session.id,
    text: `${nameOf(session)} needs a message from you to go on.`,
    needsPerson: true,
  };
}

/** The end of a run; none for a run that was cancelled or skipped. */
export function newsOfCompletion(
  completion: Completion,
  session: Session | undefined,
): News | undefined {
  const { status, reason, runId, childSessionId: sessionId } = completion;
  if (status === "cancelled" || status === "skipped" || reason === "host_shutdown")
    return undefined;
  const name = nameOf(session);
  const hasFailed = status !== "completed";
  // The view shows whether the result is on disk yet.
  const why = whyEnded({ ...completion, stored: true });
  const end = why === "" ? endings[status] : `${endings[status]}: ${why}`;
  return {
    key: `end-${runId}`,
    about: hasFailed ? "failed" : "finished",
    sessionId,
    text: `${name} ${end}.`,
    // The error of a deeper sub-agent goes to its parent first.
    needsPerson: hasFailed && session?.depth === 1,
    ...(status === "interrupted" && { sharedEvent: `were interrupted: ${why}` }),
  };
}

/** Whether the setting lets the news through. */
export function passesLevel(level: NotificationLevel, { about, needsPerson }: News): boolean {
  if (level === "needsMe") return needsPerson;
  return level === "all" || (level === "failures" && about === "failed");
}

/** One notification, of one piece of news or of several of the same kind. */
export interface Notice {
  news: readonly News[];
  text: string;
}

/** One notice for each piece of news while there are few of a kind, else one for all of that kind. */
export function noticesOf(news: readonly News[]): Notice[] {
  const groups = Map.groupBy(news, ({ about, sharedEvent }) => sharedEvent ?? about);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { about, sharedEvent } = first;
    const most = sharedEvent === undefined ? mostAtOnce : 1;
    if (group.length <= most)
      return group.map((one) => ({ news: [one], text: withoutLinks(one.text) }));
    const what = withoutLinks(sharedEvent ?? summaries[about]);
    return [{ news: group, text: `${group.length} sub-agents ${what}.` }];
  });
}

/** The editor shows no more than these next to each other. */
const mostAtOnce = 3;

const endings = {
  completed: "has finished",
  error: "has failed",
  timeout: "ran out of time",
  interrupted: "was interrupted",
} as const;

const summaries: Record<News["about"], string> = {
  approval: "wait for you to allow something",
  input: "need a message from you",
  failed: "have failed",
  finished: "have finished",
};

function nameOf(session: Session | undefined): string {
  const title = session === undefined ? "" : oneLine(session.title, 60);
  return title === "" ? "A sub-agent" : `“${title}”`;
}
