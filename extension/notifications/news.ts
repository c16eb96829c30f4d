/** What is worth a notification, how it reads, and what becomes one when there is much of it. Pure. */
import type { Approval } from "../../protocol/approvals.ts";
import type { Completion } from "../../protocol/messages.ts";
import type { Session } from "../../protocol/session.ts";
import { approvalSentence } from "../approvals/approvalRow.ts";
import { withoutLinks } from "../base/text.ts";
import { whyEnded } from "../sessions/outcomeWords.ts";
import { oneLine } from "../sessions/sessionWords.ts";
import { waitsForWords } from "../statusBar/statusText.ts";
import type { NotificationLevel } from "../editor/settings.ts";

export interface News {
  /** Names the transition: the same in every window, and never again for another one. */
  key: string;
  about: "approval" | "input" | "failed" | "finished";
  sessionId: string;
  text: string;
  /** Nobody but a person looks after it: it waits for one, or a person has spawned it. */
  needsPerson: boolean;
  approvalId?: string;
  /** What befell several at once, such as that the daemon ended: they are told of together. */
  together?: string;
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

/** A run that waits for a person's words. */
export function newsOfSession(session: Session): News | undefined {
  if (!waitsForWords(session) || session.status !== "suspended") return undefined;
  return {
    key: `input-${session.runId}-${session.suspendedAt}`,
    about: "input",
    sessionId: session.id,
    text: `${nameOf(session)} needs a message from you to go on.`,
    needsPerson: true,
  };
}

/** The end of a run. What a person has ended, or what never ran, is none. */
export function newsOfCompletion(
  completion: Completion,
  session: Session | undefined,
): News | undefined {
  const { status, reason, runId, childSessionId: sessionId } = completion;
  if (status === "cancelled" || status === "skipped" || reason === "host_shutdown")
    return undefined;
  const name = nameOf(session);
  const hasFailed = status !== "completed";
  // That it is not on disk yet is said by the view.
  const why = whyEnded({ ...completion, stored: true });
  const end = why === "" ? endings[status] : `${endings[status]}: ${why}`;
  return {
    key: `end-${runId}`,
    about: hasFailed ? "failed" : "finished",
    sessionId,
    text: `${name} ${end}.`,
    // What a sub-agent has spawned fails to that sub-agent first.
    needsPerson: hasFailed && session?.depth === 1,
    ...(status === "interrupted" && { together: `were interrupted: ${why}` }),
  };
}

export function isWanted(level: NotificationLevel, { about, needsPerson }: News): boolean {
  switch (level) {
    case "all":
      return true;
    case "needsMe":
      return needsPerson;
    case "failures":
      return about === "failed";
    case "none":
      return false;
  }
}

/** One notification: of one piece of news, or of many of the same kind. */
export interface Notice {
  news: readonly News[];
  text: string;
}

/**
 * Puts what came together into notices: each alone while there are few of its kind, and nothing has
 * befallen several of them at once.
 */
export function noticesOf(news: readonly News[]): Notice[] {
  const groups = Map.groupBy(news, ({ about, together }) => together ?? about);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { about, together } = first;
    const most = together === undefined ? mostAtOnce : 1;
    if (group.length <= most)
      return group.map((one) => ({ news: [one], text: withoutLinks(one.text) }));
    const what = withoutLinks(together ?? summaries[about]);
    return [{ news: group, text: `${group.length} sub-agents ${what}.` }];
  });
}

/** More notifications than these cover each other, and are no news any more. */
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
