/** The extension's pages in web views. */
import { randomBytes } from "node:crypto";
import { Uri, type ExtensionContext, type WebviewPanel } from "vscode";
import { pageHtml } from "./pageHtml.ts";

/** Loads the script `dist/<name>.js` and the style `media/<name>.css`, for a session. */
export function loadPage(
  panel: WebviewPanel,
  { extensionUri }: ExtensionContext,
  name: "timeline" | "transcript",
  sessionId: string,
): void {
  const { webview } = panel;
  const file = (...path: string[]) => Uri.joinPath(extensionUri, ...path);
  const address = (...path: string[]) => webview.asWebviewUri(file(...path)).toString();
  panel.iconPath = {
    light: file("media", "offshoot.svg"),
    dark: file("media", "offshoot-dark.svg"),
  };
  webview.options = { enableScripts: true, localResourceRoots: [file("dist"), file("media")] };
  webview.html = pageHtml({
    title: name === "timeline" ? "Timeline" : "Transcript",
    sessionId,
    cspSource: webview.cspSource,
    nonce: randomBytes(16).toString("hex"),
    script: address("dist", `${name}.js`),
    style: address("media", `${name}.css`),
  });
}
