/** What the parts of the page share. */
import type { FromPage, SessionLink } from "../../transcript/pageMessages.ts";
import type { Approval } from "../../../protocol/approvals.ts";

export interface PageContext {
  post: (message: FromPage) => void;
  /** The keys of the blocks that the reader has unfolded. */
  unfolded: Set<string>;
  /** Called when the reader has folded or unfolded a block. */
  onResize: () => void;
  /** A child of the session, as far as it is known. */
  child: (sessionId: string) => SessionLink | undefined;
  /** An approval, also after its answer, as far as it is known. */
  approval: (approvalId: string) => Approval | undefined;
}
