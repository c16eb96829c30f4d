/** Runs inside the transcript's web view: shows one session, or another one when it is asked to. */
import type { PageMessage, PageState, ToPage } from "../../transcript/pageMessages.ts";
import { SessionPage } from "./sessionPage.ts";

interface Editor {
  postMessage(message: PageMessage): void;
  getState(): PageState | undefined;
  setState(state: PageState): void;
}

declare function acquireVsCodeApi(): Editor;

const editor = acquireVsCodeApi();

function open(sessionId: string): SessionPage {
  const kept = editor.getState();
  // The kept state may be that of the session that was shown before.
  const earlier = kept?.sessionId === sessionId ? kept : undefined;
  const page = new SessionPage({
    post: (message) => editor.postMessage({ of: sessionId, message }),
    earlier,
    keepState: (state) => editor.setState({ sessionId, ...state }),
  });
  editor.setState({ ...earlier, sessionId });
  document.body.replaceChildren(...page.elements);
  editor.postMessage({ of: sessionId, message: { type: "ready" } });
  return page;
}

let page = open(document.body.dataset["session"] ?? "");
window.addEventListener("message", ({ data }: MessageEvent<ToPage>) => {
  if (data.type !== "become") return page.receive(data);
  page.close();
  page = open(data.sessionId);
});
