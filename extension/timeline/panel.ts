/** One editor tab with the timeline of one tree: a page that draws, and the feed that it gets. */
import { randomBytes } from "node:crypto";
import { commands, Uri, type WebviewPanel } from "vscode";
import type { ExtensionParts } from "../editor/services.ts";
import type { IdleTime, PageMessage } from "./messages.ts";
import { timelineHtml } from "./pageHtml.ts";
import { createTreeFeed, type TreeFeed } from "./treeFeed.ts";

export const panelType = "offshoot.timeline";

export interface TimelinePanel {
  reveal(): void;
  /** How its page shows time in which nothing ran, as far as that is known. */
  idleTime(): IdleTime;
  /** As that of its feed: it knows what it has seen, too. */
  whole: TreeFeed["whole"];
}

export function showTimeline(
  parts: ExtensionParts,
  rootId: string,
  panel: WebviewPanel,
  exportTree: (idleTime: IdleTime) => void,
): TimelinePanel {
  const { extensionUri } = parts.context;
  const { webview } = panel;
  let idleTime: IdleTime = "shown";
  const feed = createTreeFeed(parts, rootId, (message) => {
    panel.title = message.title === "" ? "Timeline" : `Timeline: ${message.title}`;
    void webview.postMessage(message);
  });

  webview.onDidReceiveMessage((message: PageMessage) => {
    switch (message.type) {
      case "ready":
        return feed.tellAll();
      case "sight":
        return feed.want(message.sessionIds);
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
  panel.iconPath = {
    light: Uri.joinPath(extensionUri, "media", "offshoot.svg"),
    dark: Uri.joinPath(extensionUri, "media", "offshoot-dark.svg"),
  };
  webview.options = {
    enableScripts: true,
    localResourceRoots: [Uri.joinPath(extensionUri, "dist"), Uri.joinPath(extensionUri, "media")],
  };
  const uriOf = (...path: string[]) =>
    webview.asWebviewUri(Uri.joinPath(extensionUri, ...path)).toString();
  webview.html = timelineHtml({
    rootId,
    cspSource: webview.cspSource,
    nonce: randomBytes(16).toString("hex"),
    script: uriOf("dist", "timeline.js"),
    style: uriOf("media", "timeline.css"),
  });
  return { reveal: () => panel.reveal(), idleTime: () => idleTime, whole: feed.whole };
}
