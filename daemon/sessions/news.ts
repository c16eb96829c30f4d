/** What clients are notified of. */
import type { NotificationMethod, NotificationParams } from "../../protocol/messages.ts";

/** A notification, with what the hub needs to know whom it concerns. */
export type News = {
  [M in NotificationMethod]: {
    method: M;
    params: NotificationParams<M>;
    /** The tree that the notification is about; absent: every subscriber of any tree gets it. */
    rootId?: string;
  };
}[NotificationMethod];
