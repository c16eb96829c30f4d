/** The view of the sub-agents: its rows, its badge and message, and what a person chooses to see. */
import { window, workspace, type TreeView } from "vscode";
import { abilitiesOf, allAbilities } from "../sessions/abilities.ts";
import { createContexts } from "../editor/contextKeys.ts";
import type { Following } from "../daemon/followSessions.ts";
import type { ExtensionParts } from "../editor/services.ts";
import { needsPerson } from "../sessions/sessionWords.ts";
import { addFilterCommands } from "./filterCommands.ts";
import {
  createFoldings,
  createOptionsStore,
  createSpawnedHere,
  type OptionsStore,
} from "./optionsStore.ts";
import { createSessionItems } from "./sessionItems.ts";
import { nextGiven, revealRow, untilDrawn } from "./revealRows.ts";
import { createTreeRows, olderBelow, type Clock } from "./treeRows.ts";
import { isFiltered } from "./treeOptions.ts";
import { viewState } from "./viewState.ts";
import { createVisibleSessions, type VisibleSessions } from "./visibleSessions.ts";

export interface SessionView {
  readonly view: TreeView<string>;
  readonly visible: VisibleSessions;
  readonly options: OptionsStore;
  /** Selects a session's row and brings it into sight, where it is one. */
  reveal(sessionId: string): Promise<void>;
  /** The id of the one row that is selected; undefined where there is none, or are several. */
  selectedRow(): Promise<string | undefined>;
}

const updateEveryMs = 200;
/** How long the editor may take to draw all rows anew. */
const redrawMs = 2_000;
/** Built-in agents that do without a language model. */
const withoutModel: readonly string[] = ["shell", "rehearsal"];
/** A filter opens what it finds, but not a thousand rows. */
const mostOpened = 30;

export function addSessionView(
  parts: Omit<ExtensionParts, "selected" | "selectedRow">,
  following: Following,
): SessionView {
  const { context, client, model, log, realPaths, start } = parts;
  const setContext = createContexts();
  const options = createOptionsStore(context.workspaceState);
  const mine = createSpawnedHere(context.workspaceState);
  const foldings = createFoldings(context.workspaceState);
  const visible = createVisibleSessions({
    model,
    options: () => options.current,
    folders: () => (workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath),
    realPaths,
    isMine: (sessionId) => mine.has(sessionId),
  });
  const rows = createTreeRows({ model, visible, hasOlder: () => following.hasOlder, clock });
  let started: Promise<void> | undefined;
  const ready = () => (started ??= start().catch((error: unknown) => log.debug(String(error))));
  const items = createSessionItems({ rows, model, client, foldings, ready });
  const view = window.createTreeView("offshoot.sessions", {
    treeDataProvider: items,
    canSelectMany: true,
    showCollapseAll: true,
  });

  let unhealthy: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let agentsKnown: Promise<void> | undefined;

  function updateSoon(): void {
    timer ??= setTimeout(update, updateEveryMs);
  }

  function update(): void {
    timer = undefined;
    const rowCount = visible.children(undefined).length;
    const state = viewState({
      connection: client.state,
      isCaughtUp: following.isCaughtUp,
      isTrusted: workspace.isTrusted,
      unhealthy,
      options: options.current,
      hasFolders: workspace.workspaceFolders !== undefined,
      rowCount,
      foundCount: visible.found().length,
      counts: visible.counts(),
      needing: [...model.all()].filter(needsPerson).length,
    });
    if (view.message !== state.message) view.message = state.message;
    if (view.description !== state.description) view.description = state.description;
    if (view.badge?.value !== state.badge?.value) view.badge = state.badge;
    setContext("view", state.welcome);
    if (state.welcome === "empty" || state.welcome === "elsewhere") {
      agentsKnown ??= findAgents().catch((error: unknown) => log.debug(String(error)));
    }
    setContext("filtered", isFiltered(options.current));
    setContext(
      "open",
      [...model.all()].some(({ id }) => visible.below(id).open > 0),
    );
    updateAbilities();
  }

  /** At once after a selection: the next key may be for it. */
  function updateAbilities(): void {
    const selected = view.selection.flatMap((id) => model.get(id) ?? []);
    const can = new Set(
      selected.flatMap((session) => abilitiesOf(session, visible.below(session.id))),
    );
    for (const ability of allAbilities) setContext(`can.${ability}`, can.has(ability));
  }

  /** Whoever begins should know whether an agent with a model is there at all. */
  async function findAgents(): Promise<void> {
    const cwd = workspace.workspaceFolders?.[0]?.uri.fsPath;
    const { agents } = await client.call("agent/list", cwd === undefined ? {} : { cwd });
    const usable = agents.filter(
      ({ available, name }) => available && !withoutModel.includes(name),
    );
    setContext("agents", usable.length > 0 ? "some" : "none");
  }

  /** What is found below a folded row would stay unseen. */
  async function openFound(): Promise<void> {
    const parents = new Set(visible.found().flatMap(({ id }) => visible.parent(id) ?? []));
    for (const id of [...parents].slice(0, mostOpened)) {
      if (view.visible) await show(id, { select: false, focus: false, expand: true });
    }
  }

  async function reveal(sessionId: string): Promise<void> {
    const isRow = visible.children(visible.parent(sessionId)).includes(sessionId);
    if (isRow) await show(sessionId, { select: true, focus: false });
  }

  /** That a row cannot be brought into sight is no reason to fail for what has made it. */
  async function show(id: string, how: Parameters<typeof view.reveal>[1]): Promise<void> {
    await revealRow(view, rows, id, how).catch((error: unknown) =>
      log.error(`the row of ${id}: ${String(error)}`),
    );
  }

  /** While all rows are drawn anew the editor does not know what is selected. */
  async function selectedRow(): Promise<string | undefined> {
    if (view.selection.length === 0) {
      await nextGiven(rows, redrawMs);
      await untilDrawn();
    }
    const [id, ...others] = view.selection;
    return others.length === 0 ? id : undefined;
  }

  /** Shows more of what the model holds, or asks the daemon for more. */
  async function showOlder(rowId: string | undefined): Promise<void> {
    const older = olderBelow(rowId ?? "");
    if (older === undefined) return;
    if (visible.leftOut(older.parentId) === 0) await following.loadOlder();
    visible.showMore(older.parentId);
    rows.changeAll();
  }

  options.onDidChange(() => {
    rows.changeAll();
    updateSoon();
    openFound().catch((error: unknown) => log.debug(String(error)));
  });
  realPaths.onDidChange(() => {
    rows.changeAll();
    updateSoon();
  });
  client.onSpawned((sessionId) => {
    mine.add(sessionId);
    rows.changeAll();
  });
  client.onConnected(() => {
    client.call("daemon/status", {}).then(
      ({ health, message }) => takeHealth(health, message),
      (error: unknown) => log.debug(String(error)),
    );
  });
  client.on("daemon/statusChanged", ({ health, message }) => takeHealth(health, message));

  function takeHealth(health: "ok" | "degraded", message: string | undefined): void {
    unhealthy = health === "ok" ? undefined : (message ?? "The daemon has trouble with its store.");
    updateSoon();
  }

  const showVisibility = () => rows.setVisible(view.visible ? "visible" : "hidden");
  showVisibility();
  addFilterCommands({ ...parts, options, showOlder });
  context.subscriptions.push(
    view.onDidChangeVisibility(showVisibility),
    view.onDidChangeSelection(updateAbilities),
    view.onDidExpandElement(({ element }) => foldings.set(element, "open")),
    view.onDidCollapseElement(({ element }) => foldings.set(element, "closed")),
    model.onDidChange(updateSoon),
    client.onDidChangeState(updateSoon),
    workspace.onDidGrantWorkspaceTrust(updateSoon),
    workspace.onDidChangeWorkspaceFolders(() => {
      rows.changeAll();
      updateSoon();
    }),
    view,
    items,
    rows,
    { dispose: () => clearTimeout(timer) },
  );
  update();
  return { view, visible, options, reveal, selectedRow };
}

const clock: Clock = {
  now: () => Date.now(),
  timeOfDay(at) {
    const date = new Date(at);
    const isToday = date.toDateString() === new Date().toDateString();
    const time = { hour: "2-digit", minute: "2-digit" } as const;
    return date.toLocaleString([], isToday ? time : { ...time, day: "numeric", month: "short" });
  },
  later(callback, ms) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
