/**
 * The transcripts: one web view for each session, beside the editor, there again after a reload.
 * What a page shows it asks for; what is hidden has no page and costs nothing.
 */
import { randomBytes } from "node:crypto";
import { commands, Uri, ViewColumn, window, type Disposable, type WebviewPanel } from "vscode";
import type { ExtensionParts } from "../parts.ts";
import { exportTranscript } from "./exportTranscript.ts";
import { openLinkedFile, openWebLink } from "./openLinks.ts";
import type { FromPage, PageState } from "./pageMessages.ts";
import { createTranscriptHost, type TranscriptDoors } from "./transcriptHost.ts";
import { transcriptHtml } from "./transcriptHtml.ts";
import { openWholeEvent, provideWholeEvents } from "./wholeEvents.ts";

export interface Transcripts {
  /** Shows the transcript of a session; it opens beside the editor when it is not there yet. */
  open(sessionId: string): Promise<void>;
}

const viewType = "offshoot.transcript";

export function addTranscript(parts: ExtensionParts): Transcripts {
  const { context, client, model, log, start, selected } = parts;
  const panels = new Map<string, WebviewPanel>();
  const folders = ["dist", "media"].map((name) => Uri.joinPath(context.extensionUri, name));
  const mediaFile = (name: string) => Uri.joinPath(context.extensionUri, "media", name);

  async function open(sessionId: string): Promise<void> {
    await start();
    const known = panels.get(sessionId);
    if (known !== undefined) return known.reveal();
    const title = model.get(sessionId)?.title ?? "Transcript";
    // They share a column, so that the first one splits the editor and the others do not.
    const column = [...panels.values()].at(-1)?.viewColumn ?? ViewColumn.Beside;
    const options = { enableFindWidget: true };
    fill(window.createWebviewPanel(viewType, title, column, options), sessionId);
  }

  function fill(panel: WebviewPanel, sessionId: string): void {
    panels.set(sessionId, panel);
    const { webview } = panel;
    webview.options = { enableScripts: true, localResourceRoots: folders };
    panel.iconPath = { light: mediaFile("offshoot.svg"), dark: mediaFile("offshoot-dark.svg") };
    const host = createTranscriptHost({
      ...{ sessionId, client, model, start, now: Date.now },
      doors: doorsOf(sessionId, panel),
      post: (message) => void webview.postMessage(message),
      titled: (title) => {
        if (panel.title !== title) panel.title = title;
      },
    });
    const listening: Disposable[] = [
      webview.onDidReceiveMessage((message: FromPage) => {
        log.trace(`transcript of ${sessionId}: ${message.type}`);
        void host.receive(message);
      }),
      // A hidden page is thrown away by the editor, and made anew when it is shown.
      panel.onDidChangeViewState(() => !panel.visible && host.rest()),
      host,
    ];
    panel.onDidDispose(() => {
      if (panels.get(sessionId) === panel) panels.delete(sessionId);
      for (const one of listening) one.dispose();
    });
    const address = (...path: string[]) =>
      webview.asWebviewUri(Uri.joinPath(context.extensionUri, ...path)).toString();
    webview.html = transcriptHtml({
      sessionId,
      nonce: randomBytes(16).toString("hex"),
      cspSource: webview.cspSource,
      style: address("media", "transcript.css"),
      script: address("dist", "transcript.js"),
    });
  }

  function doorsOf(sessionId: string, panel: WebviewPanel): TranscriptDoors {
    const command = async (name: string) => {
      await commands.executeCommand(`offshoot.view.${name}`, sessionId);
    };
    return {
      cancel: () => command("cancel"),
      runAgain: () => command("retry"),
      exportTranscript: () => command("exportTranscript"),
      openSession: open,
      openFile: (place, cwd) => openLinkedFile(place, cwd, columnBeside(panel)),
      openLink: openWebLink,
      openEvent: (seq) => openWholeEvent(sessionId, seq, columnBeside(panel)),
    };
  }

  function add(name: string, action: (sessionId: string) => Promise<void>): Disposable {
    const run = async (clicked?: string, rows?: string[]) => {
      const ids = rows?.length ? rows : clicked === undefined ? wantedIds() : [clicked];
      try {
        for (const sessionId of ids) await action(sessionId);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        log.error(`${name}: ${message}`);
        void window.showErrorMessage(`Offshoot: ${message}`);
      }
    };
    return commands.registerCommand(`offshoot.view.${name}`, run);
  }

  /** From the palette a command is for the transcript that is looked at, else for the selection. */
  function wantedIds(): readonly string[] {
    const active = [...panels].find(([, panel]) => panel.active);
    return active === undefined ? selected() : [active[0]];
  }

  context.subscriptions.push(
    add("openTranscript", open),
    add("exportTranscript", async (sessionId) => {
      await start();
      await exportTranscript(client, sessionId);
    }),
    provideWholeEvents({ client, start }),
    window.registerWebviewPanelSerializer(viewType, {
      async deserializeWebviewPanel(panel: WebviewPanel, state?: Partial<PageState>) {
        if (state?.sessionId !== undefined) return fill(panel, state.sessionId);
        log.warn("a transcript came back without the id of its session, and was closed");
        panel.dispose();
      },
    }),
    { dispose: () => [...panels.values()].forEach((panel) => panel.dispose()) },
  );
  return { open };
}

/** What is opened from a transcript does not cover it. */
function columnBeside(panel: WebviewPanel): ViewColumn {
  const others = window.tabGroups.all.filter((group) => group.viewColumn !== panel.viewColumn);
  return others[0]?.viewColumn ?? ViewColumn.Beside;
}
