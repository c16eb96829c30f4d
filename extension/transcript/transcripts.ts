/**
 * The transcripts: a web view for each session, beside the editor, restored after a reload. A page
 * asks for what it shows; a hidden page is discarded by the editor and costs nothing.
 */
import { commands, ViewColumn, window, type Disposable, type WebviewPanel } from "vscode";
import { registerCommand } from "../editor/commands.ts";
import type { Services } from "../editor/services.ts";
import { loadPage } from "../editor/webPage.ts";
import { exportTranscript } from "./exportTranscript.ts";
import { openLinkedFile, openWebLink } from "./openLinks.ts";
import { PageHost, type EditorActions } from "./pageHost.ts";
import type { PageMessage, PageState, ToPage } from "./pageMessages.ts";
import { openWholeEvent, provideWholeEvents } from "./wholeEvents.ts";

interface Selection {
  readonly tree: { readonly selection: readonly string[] };
  /** The one selected row; undefined for none and for several. */
  selectedRow(): Promise<string | undefined>;
}

/**
 * `preview`: in the one page that all previews share; the keyboard focus stays where it is.
 * `keep`: in a page of its own, which gets the focus.
 */
type Opening = "preview" | "keep";

interface OpenPage {
  panel: WebviewPanel;
  /** Detaches the session from the panel, which can show another one. */
  release(): void;
}

const viewType = "offshoot.transcript";
const previewKey = "offshoot.glance";
/** Two clicks on a row within this time are a double click. */
const doubleClickMs = 500;

export function addTranscripts(services: Services, view: Selection): void {
  const { context, client, start } = services;
  const transcripts = new Transcripts(services);
  let lastClick = { id: "", at: 0 };

  /** A click shows a preview, a double click keeps the page. */
  async function openRow(): Promise<void> {
    const id = await view.selectedRow();
    if (id === undefined) return;
    if (services.model.get(id) === undefined) {
      return void (await commands.executeCommand("offshoot.view.showOlder", id));
    }
    const isDouble = lastClick.id === id && Date.now() - lastClick.at < doubleClickMs;
    lastClick = { id, at: Date.now() };
    await transcripts.open(id, isDouble ? "keep" : "preview");
  }

  /** From the palette a command is for the active transcript, else for the selected rows. */
  const add = (name: string, action: (sessionId: string) => Promise<void>) =>
    registerCommand(services, name, async (clicked?: string, rows?: string[]) => {
      const active = transcripts.activeId();
      const chosen = active === undefined ? view.tree.selection : [active];
      const ids = rows?.length ? rows : clicked === undefined ? chosen : [clicked];
      for (const id of ids) await action(id);
    });

  context.subscriptions.push(
    registerCommand(services, "openRow", openRow),
    add("openTranscript", (sessionId) => transcripts.open(sessionId, "keep")),
    add("exportTranscript", async (sessionId) => {
      await start();
      await exportTranscript(client, sessionId);
    }),
    provideWholeEvents(services),
    window.registerWebviewPanelSerializer(viewType, {
      async deserializeWebviewPanel(panel: WebviewPanel, state?: Partial<PageState>) {
        if (state?.sessionId !== undefined) return transcripts.load(panel, state.sessionId);
        services.log.warn("a restored transcript names no session and was closed");
        panel.dispose();
      },
    }),
    transcripts,
  );
}

class Transcripts {
  readonly #services: Services;
  readonly #pages = new Map<string, OpenPage>();

  constructor(services: Services) {
    this.#services = services;
  }

  async open(sessionId: string, how: Opening): Promise<void> {
    await this.#services.start();
    const isPreview = how === "preview";
    if (!isPreview) this.#keep(sessionId);
    const known = this.#pages.get(sessionId);
    if (known !== undefined) return known.panel.reveal(undefined, isPreview);
    const reused = isPreview ? this.#pages.get(this.#previewId() ?? "") : undefined;
    if (isPreview) this.#setPreview(sessionId);
    if (reused === undefined) return this.load(this.#newPanel(sessionId, isPreview), sessionId);
    const { panel, release } = reused;
    release();
    this.#attach(panel, sessionId);
    // Setting the HTML of a page that still loads makes the editor fail.
    void panel.webview.postMessage(become(sessionId));
    panel.reveal(undefined, isPreview);
  }

  load(panel: WebviewPanel, sessionId: string): void {
    this.#attach(panel, sessionId);
    loadPage(panel, this.#services.context, "transcript", sessionId);
  }

  activeId(): string | undefined {
    return [...this.#pages].find(([, { panel }]) => panel.active)?.[0];
  }

  dispose(): void {
    for (const { panel } of [...this.#pages.values()]) panel.dispose();
  }

  /** The session in the preview page; stored, because that page is restored after a reload. */
  #previewId(): string | undefined {
    return this.#services.context.workspaceState.get<string>(previewKey);
  }

  #setPreview(sessionId: string | undefined): void {
    void this.#services.context.workspaceState.update(previewKey, sessionId);
  }

  #keep(sessionId: string): void {
    if (this.#previewId() === sessionId) this.#setPreview(undefined);
  }

  #titleOf(sessionId: string): string {
    return this.#services.model.get(sessionId)?.title ?? "Transcript";
  }

  #newPanel(sessionId: string, preserveFocus: boolean): WebviewPanel {
    // Only the first transcript splits the editor; the others open in its column.
    const viewColumn = [...this.#pages.values()].at(-1)?.panel.viewColumn ?? ViewColumn.Beside;
    const place = { viewColumn, preserveFocus };
    const options = { enableFindWidget: true };
    return window.createWebviewPanel(viewType, this.#titleOf(sessionId), place, options);
  }

  #attach(panel: WebviewPanel, sessionId: string): void {
    const { client, model, start, log } = this.#services;
    const { webview } = panel;
    panel.title = this.#titleOf(sessionId);
    const host = new PageHost({
      ...{ sessionId, client, model, start, now: Date.now },
      editor: this.#actionsOf(panel, sessionId),
      // A message that is late must not reach the next session in the panel.
      post: (message) => void (this.#pages.get(sessionId) === page && webview.postMessage(message)),
      onTitle: (title) => {
        if (panel.title !== title) panel.title = title;
      },
    });
    const release = () => {
      if (this.#pages.get(sessionId) === page) this.#pages.delete(sessionId);
      for (const one of listening) one.dispose();
    };
    const page: OpenPage = { panel, release };
    const listening: Disposable[] = [
      webview.onDidReceiveMessage(({ of, message }: PageMessage) => {
        log.trace(`transcript of ${of}: ${message.type}`);
        if (of === sessionId) void host.receive(message);
        // The editor restores a hidden page with the session for which it was loaded.
        else if (message.type === "ready") void webview.postMessage(become(sessionId));
      }),
      // The editor discards the page of a hidden panel, and loads it again when it is shown.
      panel.onDidChangeViewState(() => !panel.visible && host.pause()),
      panel.onDidDispose(release),
      host,
    ];
    this.#pages.set(sessionId, page);
  }

  #actionsOf(panel: WebviewPanel, sessionId: string): EditorActions {
    return {
      async run(command) {
        await commands.executeCommand(`offshoot.view.${command}`, sessionId);
      },
      keep: () => this.#keep(sessionId),
      openSession: (id) => this.open(id, "keep"),
      openFile: (place, cwd) => openLinkedFile(place, cwd, columnBeside(panel)),
      openLink: openWebLink,
      openEvent: (seq) => openWholeEvent(sessionId, seq, columnBeside(panel)),
    };
  }
}

function become(sessionId: string): ToPage {
  return { type: "become", sessionId };
}

/** A column in which an opened file does not cover the transcript. */
function columnBeside(panel: WebviewPanel): ViewColumn {
  const others = window.tabGroups.all.filter((group) => group.viewColumn !== panel.viewColumn);
  return others[0]?.viewColumn ?? ViewColumn.Beside;
}
