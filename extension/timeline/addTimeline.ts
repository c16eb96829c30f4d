/** The timeline of a tree: an editor tab that draws it, and its export as a file. */
import { homedir } from "node:os";
import {
  CancellationError,
  commands,
  ProgressLocation,
  ViewColumn,
  window,
  workspace,
  ColorThemeKind,
  Uri,
} from "vscode";
import { svgText, darkPalette, lightPalette } from "./drawing.ts";
import { svgOf } from "./document.ts";
import type { Timeline } from "./lanes.ts";
import type { ExtensionParts } from "../editor/services.ts";
import type { IdleTime, PageState } from "./messages.ts";
import { panelType, showTimeline, type TimelinePanel } from "./panel.ts";
import { createTreeFeed } from "./treeFeed.ts";

export interface TimelineView {
  /** Opens the timeline of a tree, or shows the one that is open. */
  open(rootId: string): Promise<void>;
}

const exportWidth = 1_400;

/** Registers `offshoot.view.openTimeline` and `offshoot.view.exportTimeline`. */
export function addTimeline(parts: ExtensionParts): TimelineView {
  const { context, model, log, start } = parts;
  const panels = new Map<string, TimelinePanel>();

  function show(rootId: string, panel = newPanel()): void {
    const shown = showTimeline(parts, rootId, panel, (idleTime) => {
      void attempt("exportTimeline", () => exportTree(rootId, idleTime));
    });
    panels.set(rootId, shown);
    panel.onDidDispose(() => panels.delete(rootId));
  }

  function newPanel() {
    return window.createWebviewPanel(panelType, "Timeline", ViewColumn.Active);
  }

  async function open(rootId: string): Promise<void> {
    await start();
    const known = panels.get(rootId);
    if (known === undefined) show(rootId);
    else known.reveal();
  }

  /** The root of the session, or of the tree that somebody chooses; undefined if nobody does. */
  async function rootIdFor(sessionId: unknown): Promise<string | undefined> {
    await start();
    if (typeof sessionId === "string") return model.get(sessionId)?.rootId ?? sessionId;
    const roots = model.children(null);
    if (roots.length === 0) throw new Error("there is no tree yet: spawn a sub-agent first");
    if (roots.length === 1) return roots[0]?.id;
    const choices = roots.map(({ id, title, cwd }) => ({ label: title, description: cwd, id }));
    const picked = await window.showQuickPick(choices, { title: "The timeline of which tree?" });
    return picked?.id;
  }

  async function exportTree(rootId: string, idleTime: IdleTime): Promise<void> {
    const title = model.get(rootId)?.title ?? "tree";
    const target = await window.showSaveDialog({
      title: "Export the timeline",
      defaultUri: defaultFile(title),
      filters: { "SVG picture": ["svg"] },
    });
    if (target === undefined) return;
    const timeline = await readWhole(rootId);
    const svg = svgOf(timeline, {
      width: exportWidth,
      now: Date.now(),
      idleTime,
      palette: isDark() ? darkPalette : lightPalette,
    });
    await workspace.fs.writeFile(target, Buffer.from(`${svgText(svg)}\n`));
    const answer = await window.showInformationMessage("The timeline is exported.", "Open");
    if (answer === "Open") await commands.executeCommand("vscode.open", target);
  }

  /** With what an open page has seen; throws where the person has cancelled it. */
  async function readWhole(rootId: string): Promise<Timeline> {
    const title = "Reading the timeline";
    const options = { location: ProgressLocation.Notification, title, cancellable: true };
    return await window.withProgress(options, async (progress, token) => {
      const told = (done: number, of: number) => {
        if (token.isCancellationRequested) throw new CancellationError();
        progress.report({ message: `${done} of ${of} sessions`, increment: 100 / of });
      };
      const shown = panels.get(rootId);
      if (shown !== undefined) return await shown.whole(told);
      const feed = createTreeFeed(parts, rootId, () => undefined);
      try {
        return await feed.whole(told);
      } finally {
        feed.dispose();
      }
    });
  }

  async function attempt(name: string, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (error instanceof CancellationError) return;
      const message = error instanceof Error ? error.message : String(error);
      log.error(`${name}: ${message}`);
      void window.showErrorMessage(`Offshoot: ${message}`);
    }
  }

  const add = (name: string, action: (rootId: string) => Promise<void>) =>
    commands.registerCommand(`offshoot.view.${name}`, (sessionId?: unknown) =>
      attempt(name, async () => {
        const rootId = await rootIdFor(sessionId);
        if (rootId !== undefined) await action(rootId);
      }),
    );
  context.subscriptions.push(
    add("openTimeline", open),
    add("exportTimeline", (rootId) =>
      exportTree(rootId, panels.get(rootId)?.idleTime() ?? "shown"),
    ),
    window.registerWebviewPanelSerializer(panelType, {
      async deserializeWebviewPanel(panel, state: Partial<PageState> | undefined) {
        if (typeof state?.rootId === "string") show(state.rootId, panel);
        else panel.dispose();
      },
    }),
  );
  return { open };
}

/** In the first folder of the workspace, under a name that every file system takes. */
function defaultFile(title: string): Uri {
  const name = title.replaceAll(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60);
  const folder = workspace.workspaceFolders?.[0]?.uri ?? Uri.file(homedir());
  return Uri.joinPath(folder, `timeline-${name}.svg`);
}

function isDark(): boolean {
  const { kind } = window.activeColorTheme;
  return kind === ColorThemeKind.Dark || kind === ColorThemeKind.HighContrast;
}
