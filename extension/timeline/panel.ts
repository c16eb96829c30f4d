/** The editor tab with the timeline of one tree. */
import { commands, type WebviewPanel } from "vscode";
import type { Services } from "../editor/services.ts";
import { loadPage } from "../editor/webPage.ts";
import type { IdleTime, PageMessage } from "./messages.ts";
import { TreeFeed } from "./treeFeed.ts";

export const panelType = "offshoot.timeline";

export type TimelinePanel = ReturnType<typeof showTimeline>;

export function showTimeline(
  services: Services,
  rootId: string,
  panel: WebviewPanel,
  exportTree: (idleTime: IdleTime) => void,
) {
  const { webview } = panel;
  let idleTime: IdleTime = "shown";
  const feed = new TreeFeed(services, rootId, (message) => {
    panel.title = message.title === "" ? "Timeline" : `Timeline: ${message.title}`;
    void webview.postMessage(message);
  });

  webview.onDidReceiveMessage((message: PageMessage) => {
    switch (message.type) {
      case "ready":
        return feed.sendAll();
      case "visible":
        return feed.setVisible(message.sessionIds);
      case "open":
        return void commands.executeCommand("offshoot.view.openTranscript", message.sessionId);
      case "idleTime":
        idleTime = message.idleTime;
        return;
      case "export":
        return exportTree(idleTime);
    }
  });
  panel.onDidChangeViewState(() => {
    if (!panel.visible) feed.pause();
  });
  panel.onDidDispose(() => feed.dispose());
  loadPage(panel, services.context, "timeline", rootId);
  // The feed knows what the page has shown.
  return { reveal: () => panel.reveal(), idleTime: () => idleTime, feed };
}
