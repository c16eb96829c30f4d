/** The timeline of a tree: an editor tab that draws it, and its export as a file. */
import {
  CancellationError,
  ColorThemeKind,
  commands,
  ProgressLocation,
  ViewColumn,
  window,
  workspace,
  type WebviewPanel,
} from "vscode";
import { registerCommand, showFailure } from "../editor/commands.ts";
import { askForFile } from "../editor/folders.ts";
import type { Services } from "../editor/services.ts";
import { svgOf } from "./document.ts";
import { darkPalette, lightPalette, svgText } from "./drawing.ts";
import type { Timeline } from "./lanes.ts";
import type { IdleTime, PageState } from "./messages.ts";
import { panelType, showTimeline, type TimelinePanel } from "./panel.ts";
import { TreeFeed } from "./treeFeed.ts";

const exportWidth = 1_400;

/** Registers `offshoot.view.openTimeline` and `offshoot.view.exportTimeline`. */
export function addTimeline(services: Services): void {
  const { context, model, start } = services;
  const panels = new Map<string, TimelinePanel>();

  function show(rootId: string, panel: WebviewPanel): void {
    const shown = showTimeline(services, rootId, panel, (idleTime) => {
      exportTree(rootId, idleTime).catch((error: unknown) =>
        showFailure(services, "exportTimeline", error),
      );
    });
    panels.set(rootId, shown);
    panel.onDidDispose(() => panels.delete(rootId));
  }

  async function open(rootId: string): Promise<void> {
    const known = panels.get(rootId);
    if (known !== undefined) return known.reveal();
    show(rootId, window.createWebviewPanel(panelType, "Timeline", ViewColumn.Active));
  }

  /** The root of the session, or of the tree that the person chooses; undefined to give up. */
  async function rootIdFor(sessionId: unknown): Promise<string | undefined> {
    if (typeof sessionId === "string") return model.get(sessionId)?.rootId ?? sessionId;
    const roots = model.children(null);
    if (roots.length === 0) throw new Error("there is no tree yet: spawn a sub-agent first");
    if (roots.length === 1) return roots[0]?.id;
    const choices = roots.map(({ id, title, cwd }) => ({ label: title, description: cwd, id }));
    const picked = await window.showQuickPick(choices, { title: "The timeline of which tree?" });
    return picked?.id;
  }

  async function exportTree(rootId: string, idleTime: IdleTime): Promise<void> {
    const about = `timeline ${model.get(rootId)?.title ?? "tree"}`;
    const target = await askForFile("Export the timeline", about, "svg");
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

  /** Uses the feed of an open page. Throws where the person has cancelled the reading. */
  async function readWhole(rootId: string): Promise<Timeline> {
    const title = "Reading the timeline";
    const options = { location: ProgressLocation.Notification, title, cancellable: true };
    return await window.withProgress(options, async (progress, token) => {
      const report = (done: number, of: number) => {
        if (token.isCancellationRequested) throw new CancellationError();
        progress.report({ message: `${done} of ${of} sessions`, increment: 100 / of });
      };
      const shown = panels.get(rootId);
      if (shown !== undefined) return await shown.feed.whole(report);
      const feed = new TreeFeed(services, rootId, () => undefined);
      try {
        return await feed.whole(report);
      } finally {
        feed.dispose();
      }
    });
  }

  const add = (name: string, action: (rootId: string) => Promise<void>) =>
    registerCommand(services, name, async (sessionId?: unknown) => {
      await start();
      const rootId = await rootIdFor(sessionId);
      if (rootId !== undefined) await action(rootId);
    });
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
}

function isDark(): boolean {
  const { kind } = window.activeColorTheme;
  return kind === ColorThemeKind.Dark || kind === ColorThemeKind.HighContrast;
}
