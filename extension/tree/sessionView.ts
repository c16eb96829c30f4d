/** The view of the sub-agents: its rows, its badge and message, and what a person chooses to see. */
import { commands, window, workspace, type TreeView } from "vscode";
import type { DaemonStatus } from "../../protocol/daemon.ts";
import type { SessionSync } from "../daemon/sessionSync.ts";
import { workspacePaths } from "../editor/folders.ts";
import type { Services } from "../editor/services.ts";
import { abilitiesOf, allAbilities } from "../sessions/abilities.ts";
import { needsPerson } from "../sessions/sessionWords.ts";
import { addFilterCommands } from "./filterCommands.ts";
import { Foldings, OptionsStore, SpawnedHere } from "./optionsStore.ts";
import { nextRead, revealRow, untilDrawn } from "./revealRows.ts";
import { createSessionItems } from "./sessionItems.ts";
import { isFiltered } from "./treeOptions.ts";
import { olderBelow, TreeRows, type Clock } from "./treeRows.ts";
import { viewState } from "./viewState.ts";
import { VisibleSessions } from "./visibleSessions.ts";

const updateEveryMs = 200;
/** How long the editor may take to draw all rows anew. */
const redrawMs = 2_000;
/** Built-in agents that need no language model. */
const withoutModel: readonly string[] = ["shell", "rehearsal"];
/** A filter unfolds the rows above what it finds, but not a thousand. */
const mostOpened = 30;

export class SessionView {
  readonly tree: TreeView<string>;
  readonly visible: VisibleSessions;
  readonly #services: Services;
  readonly #sync: SessionSync;
  readonly #options: OptionsStore;
  readonly #rows: TreeRows;
  readonly #contextKeys = new Map<string, unknown>();
  #unhealthy: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #started: Promise<void> | undefined;
  #hasAskedForAgents = false;

  constructor(services: Services, sync: SessionSync) {
    const { context, client, model, realPaths } = services;
    const memory = context.workspaceState;
    const mine = new SpawnedHere(memory);
    const foldings = new Foldings(memory);
    this.#services = services;
    this.#sync = sync;
    this.#options = new OptionsStore(memory);
    this.visible = new VisibleSessions({
      model,
      options: () => this.#options.current,
      folders: workspacePaths,
      realPaths,
      isMine: (sessionId) => mine.has(sessionId),
    });
    const { visible } = this;
    this.#rows = new TreeRows({ model, visible, hasOlder: () => sync.hasOlder, clock });
    const rows = this.#rows;
    const ready = () => (this.#started ??= services.start().catch(this.#logQuietly));
    const items = createSessionItems({ rows, model, client, foldings, ready });
    this.tree = window.createTreeView("offshoot.sessions", {
      treeDataProvider: items,
      canSelectMany: true,
      showCollapseAll: true,
    });
    const showVisibility = () => rows.setVisible(this.tree.visible ? "visible" : "hidden");
    showVisibility();
    addFilterCommands(services, this.#options, (rowId) => this.#showOlder(rowId));
    context.subscriptions.push(
      this.tree.onDidChangeVisibility(showVisibility),
      this.tree.onDidChangeSelection(() => this.#updateAbilities()),
      this.tree.onDidExpandElement(({ element }) => foldings.set(element, "open")),
      this.tree.onDidCollapseElement(({ element }) => foldings.set(element, "closed")),
      model.onDidChange(() => this.#updateSoon()),
      client.onDidChangeState(() => this.#updateSoon()),
      client.onSpawned((sessionId) => {
        mine.add(sessionId);
        rows.changeAll();
      }),
      client.onConnected(() => {
        client
          .call("daemon/status", {})
          .then((status) => this.#setHealth(status), this.#logQuietly);
      }),
      client.on("daemon/statusChanged", (status) => this.#setHealth(status)),
      this.#options.onDidChange(() => {
        this.#changeAll();
        this.#openFound().catch(this.#logQuietly);
      }),
      realPaths.onDidChange(() => this.#changeAll()),
      workspace.onDidGrantWorkspaceTrust(() => this.#updateSoon()),
      workspace.onDidChangeWorkspaceFolders(() => this.#changeAll()),
      ...[this.tree, items, rows],
      { dispose: () => clearTimeout(this.#timer) },
    );
    this.#update();
  }

  /** Selects the row of a session and scrolls to it; does nothing where it has no row. */
  async reveal(sessionId: string): Promise<void> {
    const isRow = this.visible.children(this.visible.parent(sessionId)).includes(sessionId);
    if (isRow) await this.#show(sessionId, { select: true, focus: false });
  }

  /** The id of the one selected row, also right after a click; undefined for none and for several. */
  async selectedRow(): Promise<string | undefined> {
    // While all rows are drawn anew, the editor reports an empty selection.
    if (this.tree.selection.length === 0) {
      await nextRead(this.#rows, redrawMs);
      await untilDrawn();
    }
    const [id, ...others] = this.tree.selection;
    return others.length === 0 ? id : undefined;
  }

  readonly #logQuietly = (error: unknown) => this.#services.log.debug(String(error));

  /** Sets the context key `offshoot.<key>` for `when` clauses, where that changes the key. */
  #setContext(key: string, value: string | boolean): void {
    if (this.#contextKeys.get(key) === value) return;
    this.#contextKeys.set(key, value);
    void commands.executeCommand("setContext", `offshoot.${key}`, value);
  }

  #changeAll(): void {
    this.#rows.changeAll();
    this.#updateSoon();
  }

  #updateSoon(): void {
    this.#timer ??= setTimeout(() => this.#update(), updateEveryMs);
  }

  #update(): void {
    this.#timer = undefined;
    const { client, model } = this.#services;
    const { tree, visible } = this;
    const sessions = [...model.all()];
    const options = this.#options.current;
    const state = viewState({
      connection: client.state,
      isUpToDate: this.#sync.isUpToDate,
      isTrusted: workspace.isTrusted,
      unhealthy: this.#unhealthy,
      options,
      hasFolders: workspace.workspaceFolders !== undefined,
      rowCount: visible.children(undefined).length,
      foundCount: visible.found().length,
      counts: visible.counts(),
      needing: sessions.filter(needsPerson).length,
    });
    if (tree.message !== state.message) tree.message = state.message;
    if (tree.description !== state.description) tree.description = state.description;
    if (tree.badge?.value !== state.badge?.value) tree.badge = state.badge;
    this.#setContext("view", state.welcome);
    const isWelcome = state.welcome === "empty" || state.welcome === "elsewhere";
    if (isWelcome && !this.#hasAskedForAgents) this.#findAgents().catch(this.#logQuietly);
    this.#setContext("filtered", isFiltered(options));
    const isAnyOpen = sessions.some(({ id }) => visible.below(id).open > 0);
    this.#setContext("open", isAnyOpen);
    this.#updateAbilities();
  }

  /** Called at once after a selection, because the next key may be a command for it. */
  #updateAbilities(): void {
    const selected = this.tree.selection.flatMap((id) => this.#services.model.get(id) ?? []);
    const can = new Set(
      selected.flatMap((session) => abilitiesOf(session, this.visible.below(session.id))),
    );
    for (const ability of allAbilities) this.#setContext(`can.${ability}`, can.has(ability));
  }

  /** Finds out for the welcome text whether any agent with a model is installed. */
  async #findAgents(): Promise<void> {
    this.#hasAskedForAgents = true;
    const cwd = workspacePaths()[0];
    const { agents } = await this.#services.client.call("agent/list", cwd ? { cwd } : {});
    const isAny = agents.some(({ available, name }) => available && !withoutModel.includes(name));
    this.#setContext("agents", isAny ? "some" : "none");
  }

  /** Unfolds the rows above what the filter finds. */
  async #openFound(): Promise<void> {
    const { visible } = this;
    const parents = new Set(visible.found().flatMap(({ id }) => visible.parent(id) ?? []));
    for (const id of [...parents].slice(0, mostOpened)) {
      if (this.tree.visible) await this.#show(id, { select: false, focus: false, expand: true });
    }
  }

  /** A failure is only logged: what has made the row has succeeded. */
  async #show(id: string, how: Parameters<TreeView<string>["reveal"]>[1]): Promise<void> {
    await revealRow(this.tree, this.#rows, id, how).catch((error: unknown) =>
      this.#services.log.error(`the row of ${id}: ${String(error)}`),
    );
  }

  /** Shows more sessions of the model, or reads more from the daemon. */
  async #showOlder(rowId: string | undefined): Promise<void> {
    const older = olderBelow(rowId ?? "");
    if (older === undefined) return;
    if (this.visible.leftOut(older.parentId) === 0) await this.#sync.loadOlder();
    this.visible.showMore(older.parentId);
    this.#rows.changeAll();
  }

  #setHealth({ health, message }: Pick<DaemonStatus, "health" | "message">): void {
    const isHealthy = health === "ok";
    this.#unhealthy = isHealthy ? undefined : (message ?? "The daemon has trouble with its store.");
    this.#updateSoon();
  }
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
