/** What the parts of the page share. */
import type { FromPage, SessionLink } from "../../transcript/pageMessages.ts";
import type { Approval } from "../../../protocol/approvals.ts";

export interface PageContext {
  post: (message: FromPage) => void;
  unfolded: Set<string>;
  onResize: () => void;
  child: (sessionId: string) => SessionLink | undefined;
  /** An approval, also after its answer, as far as it is known. */
  approval: (approvalId: string) => Approval | undefined;
}
