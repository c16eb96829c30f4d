/** Runs inside the transcript's web view: shows one session, and another one when it is told to. */
import type { PageMessage, PageState, ToPage } from "../../transcript/pageMessages.ts";
import { openSessionPage, type SessionPage } from "./sessionPage.ts";

interface Editor {
  postMessage(message: PageMessage): void;
  getState(): PageState | undefined;
  setState(state: PageState): void;
}

declare function acquireVsCodeApi(): Editor;

const editor = acquireVsCodeApi();
const meta = document.querySelector<HTMLMetaElement>("meta[name=offshoot-session]");

function open(sessionId: string): SessionPage {
  const kept = editor.getState();
  // What is kept may be of the session that was shown before.
  const earlier = kept?.sessionId === sessionId ? kept : undefined;
  const page = openSessionPage({
    tell: (message) => editor.postMessage({ of: sessionId, message }),
    earlier,
    remember: (state) => editor.setState({ sessionId, ...state }),
  });
  editor.setState({ ...earlier, sessionId });
  document.body.replaceChildren(...page.elements);
  editor.postMessage({ of: sessionId, message: { type: "ready" } });
  return page;
}

let page = open(meta?.content ?? "");
window.addEventListener("message", ({ data }: MessageEvent<ToPage>) => {
  if (data.type !== "become") return page.receive(data);
  page.close();
  page = open(data.sessionId);
});
