/** What the parts of the page are given. */
import type { FromPage, SessionLink } from "../../transcript/pageMessages.ts";
import type { Approval } from "../../../protocol/approvals.ts";

export interface PageContext {
  tell: (message: FromPage) => void;
  /** What the reader has unfolded, by keys. */
  unfolded: Set<string>;
  /** Something changed its height because the reader wanted it. */
  resized: () => void;
  /** A child of the session, as far as it is known. */
  child: (sessionId: string) => SessionLink | undefined;
  /** What is known of an approval; also when it was answered meanwhile. */
  approval: (approvalId: string) => Approval | undefined;
}
