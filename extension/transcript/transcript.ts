/**
 * The transcripts: one web view for each session, beside the editor, there again after a reload.
 * What a page shows it asks for; what is hidden has no page and costs nothing.
 */
import { randomBytes } from "node:crypto";
import { commands, Uri, ViewColumn, window, type Disposable, type WebviewPanel } from "vscode";
import type { ExtensionParts } from "../editor/services.ts";
import { exportTranscript } from "./exportTranscript.ts";
import { openLinkedFile, openWebLink } from "./openLinks.ts";
import type { PageMessage, PageState, ToPage } from "./pageMessages.ts";
import { createTranscriptHost, type TranscriptDoors } from "./transcriptHost.ts";
import { transcriptHtml } from "./transcriptHtml.ts";
import { openWholeEvent, provideWholeEvents } from "./wholeEvents.ts";

export interface Transcripts {
  /** Shows the transcript of a session; it opens beside the editor when it is not there yet. */
  open(sessionId: string, how: Opening): Promise<void>;
}

/**
 * `glance`: in the one page that each next glance takes, and the keyboard stays where it is.
 * `stay`: in a page of its own, which gets the keyboard.
 */
type Opening = "glance" | "stay";

interface OpenPage {
  panel: WebviewPanel;
  /** Lets go of the session; the panel is there for another one. */
  release(): void;
}

const viewType = "offshoot.transcript";
const glanceKey = "offshoot.glance";
/** Two clicks on a row within this time are one on it. */
const doubleClickMs = 500;

export function addTranscript(parts: ExtensionParts): Transcripts {
  const { context, client, model, log, start, selected, selectedRow } = parts;
  const pages = new Map<string, OpenPage>();
  const folders = ["dist", "media"].map((name) => Uri.joinPath(context.extensionUri, name));
  const mediaFile = (name: string) => Uri.joinPath(context.extensionUri, "media", name);
  /** The session that the page for glances shows; kept, since that page comes back after a reload. */
  const glance = () => context.workspaceState.get<string>(glanceKey);
  const setGlance = (sessionId: string | undefined) =>
    void context.workspaceState.update(glanceKey, sessionId);
  const keep = (sessionId: string) => {
    if (glance() === sessionId) setGlance(undefined);
  };
  let lastClick = { id: "", at: 0 };

  async function open(sessionId: string, how: Opening): Promise<void> {
    await start();
    const preserveFocus = how === "glance";
    if (how === "stay") keep(sessionId);
    const known = pages.get(sessionId);
    if (known !== undefined) return known.panel.reveal(undefined, preserveFocus);
    const reused = how === "glance" ? pages.get(glance() ?? "") : undefined;
    if (how === "glance") setGlance(sessionId);
    if (reused === undefined) return load(newPanel(sessionId, preserveFocus), sessionId);
    const { panel, release } = reused;
    release();
    fill(panel, sessionId);
    // A page that is loaded anew before it has come makes the editor stumble.
    void panel.webview.postMessage(become(sessionId));
    panel.reveal(undefined, preserveFocus);
  }

  function newPanel(sessionId: string, preserveFocus: boolean): WebviewPanel {
    const title = titleOf(sessionId);
    // They share a column, so that the first one splits the editor and the others do not.
    const viewColumn = [...pages.values()].at(-1)?.panel.viewColumn ?? ViewColumn.Beside;
    const options = { enableFindWidget: true };
    return window.createWebviewPanel(viewType, title, { viewColumn, preserveFocus }, options);
  }

  const titleOf = (sessionId: string) => model.get(sessionId)?.title ?? "Transcript";

  function load(panel: WebviewPanel, sessionId: string): void {
    const { webview } = panel;
    webview.options = { enableScripts: true, localResourceRoots: folders };
    panel.iconPath = { light: mediaFile("offshoot.svg"), dark: mediaFile("offshoot-dark.svg") };
    fill(panel, sessionId);
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

  function fill(panel: WebviewPanel, sessionId: string): void {
    const { webview } = panel;
    panel.title = titleOf(sessionId);
    const host = createTranscriptHost({
      ...{ sessionId, client, model, start, now: Date.now },
      doors: doorsOf(sessionId, panel),
      // What is on its way when the panel shows another session is none of its business.
      post: (message) => void (pages.get(sessionId) === page && webview.postMessage(message)),
      titled: (title) => {
        if (panel.title !== title) panel.title = title;
      },
    });
    const listening: Disposable[] = [
      webview.onDidReceiveMessage(({ of, message }: PageMessage) => {
        log.trace(`transcript of ${of}: ${message.type}`);
        if (of === sessionId) void host.receive(message);
        // A page that was hidden comes back as the session that it was made for.
        else if (message.type === "ready") void webview.postMessage(become(sessionId));
      }),
      // A hidden page is thrown away by the editor, and made anew when it is shown.
      panel.onDidChangeViewState(() => !panel.visible && host.rest()),
      panel.onDidDispose(release),
      host,
    ];
    const page: OpenPage = { panel, release };
    function release(): void {
      if (pages.get(sessionId) === page) pages.delete(sessionId);
      for (const one of listening) one.dispose();
    }
    pages.set(sessionId, page);
  }

  /** A click looks, the second one on the same row stays. */
  async function openRow(): Promise<void> {
    const id = await selectedRow();
    if (id === undefined) return;
    if (model.get(id) === undefined) {
      return void (await commands.executeCommand("offshoot.view.showOlder", id));
    }
    const isSecond = lastClick.id === id && Date.now() - lastClick.at < doubleClickMs;
    lastClick = { id, at: Date.now() };
    await open(id, isSecond ? "stay" : "glance");
  }

  function doorsOf(sessionId: string, panel: WebviewPanel): TranscriptDoors {
    return {
      async run(command) {
        await commands.executeCommand(`offshoot.view.${command}`, sessionId);
      },
      keep: () => keep(sessionId),
      openSession: (id) => open(id, "stay"),
      openFile: (place, cwd) => openLinkedFile(place, cwd, columnBeside(panel)),
      openLink: openWebLink,
      openEvent: (seq) => openWholeEvent(sessionId, seq, columnBeside(panel)),
    };
  }

  function add(name: string, action: (ids: readonly string[]) => Promise<void>): Disposable {
    const run = async (clicked?: string, rows?: string[]) => {
      const ids = rows?.length ? rows : clicked === undefined ? wantedIds() : [clicked];
      try {
        await action(ids);
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
    const active = [...pages].find(([, { panel }]) => panel.active);
    return active === undefined ? selected() : [active[0]];
  }

  context.subscriptions.push(
    add("openRow", openRow),
    add("openTranscript", async (ids) => {
      for (const sessionId of ids) await open(sessionId, "stay");
    }),
    add("exportTranscript", async (ids) => {
      await start();
      for (const sessionId of ids) await exportTranscript(client, sessionId);
    }),
    provideWholeEvents({ client, start }),
    window.registerWebviewPanelSerializer(viewType, {
      async deserializeWebviewPanel(panel: WebviewPanel, state?: Partial<PageState>) {
        if (state?.sessionId !== undefined) return load(panel, state.sessionId);
        log.warn("a transcript came back without the id of its session, and was closed");
        panel.dispose();
      },
    }),
    { dispose: () => [...pages.values()].forEach(({ panel }) => panel.dispose()) },
  );
  return { open };
}

function become(sessionId: string): ToPage {
  return { type: "become", sessionId };
}

/** What is opened from a transcript does not cover it. */
function columnBeside(panel: WebviewPanel): ViewColumn {
  const others = window.tabGroups.all.filter((group) => group.viewColumn !== panel.viewColumn);
  return others[0]?.viewColumn ?? ViewColumn.Beside;
}
