/** The live tree: drawn in place on a terminal, else one plain line per change of state. */
import { openCanvas } from "./canvas.ts";
import { isTerminal, type Session } from "../../protocol/session.ts";
import type { Client } from "../client/coreClient.ts";
import type { Output } from "./output.ts";
import { detailOf, elapsedOf, lookOf } from "./sessionText.ts";
import { subtreeOf } from "./treeLayout.ts";
import { watchTrees, type TreeModel } from "./treeModel.ts";
import { treeLines } from "./treeView.ts";
import { cleanLine, formatTime, shortId } from "../client/values.ts";

/** At most ten pictures a second, and one a second when only times change. */
const frameMs = 100;
const clockMs = 1000;

export interface LiveTreeOptions {
  readonly client: Client;
  readonly output: Output;
  /** Only these trees; absent: all. */
  readonly rootIds?: string[];
  /** Only this session and what is below it; absent: all of the trees. */
  readonly topId?: string;
  readonly now: () => number;
  /** Lines below the tree. */
  readonly footer?: readonly string[];
}

/** Watches trees and shows them until `stop`. */
export async function liveTree(options: LiveTreeOptions) {
  const { client, output, rootIds } = options;
  let stopped = false;
  let view: View | undefined;
  /** Set by the first call of `allEnded`. */
  let ending: PromiseWithResolvers<void> | undefined;
  const lookForEnd = () => {
    if (ending !== undefined && nothingLeft(shownOf(model, options))) ending.resolve();
  };
  const model = await watchTrees(
    client,
    // Only a drawn tree shows the last text of a run.
    { ...(rootIds && { rootIds }), events: output.canDraw ? "all" : "lifecycle" },
    {
      changed(session, before) {
        view?.changed?.(session, before);
        lookForEnd();
      },
      removed(sessionIds) {
        output.value({ removed: sessionIds });
        lookForEnd();
      },
      outdated: () => view?.outdated?.(),
    },
  );
  view = output.canDraw ? drawing(model, options) : printing(model, options);
  return {
    model,
    /** Resolves when every session that is shown has ended. */
    async allEnded() {
      ending ??= Promise.withResolvers();
      lookForEnd();
      await ending.promise;
    },
    /** Draws the last picture, restores the cursor and ends all timers and listeners; idempotent. */
    stop() {
      if (stopped) return;
      stopped = true;
      model.stop();
      view.stop?.();
    },
  };
}

function shownOf(model: TreeModel, { topId }: LiveTreeOptions): Session[] {
  const sessions = [...model.sessions.values()];
  return topId === undefined ? sessions : subtreeOf(sessions, topId);
}

/** No session runs, waits, or will start by itself. */
function nothingLeft(sessions: readonly Session[]): boolean {
  return sessions.every(
    (session) => session.kind === "root" || isTerminal(session) || session.status === "created",
  );
}

interface View {
  changed?(session: Session, before: Session | undefined): void;
  outdated?(): void;
  stop?(): void;
}

/** One line, or one JSON value, per change of state. */
function printing(model: TreeModel, options: LiveTreeOptions): View {
  const { output, now, topId } = options;
  const print = (session: Session) => {
    if (session.kind === "child") output.line(transitionLine(session, now()));
  };
  const isShown = (session: Session) =>
    topId === undefined || subtreeOf([...model.sessions.values()], topId).includes(session);
  const snapshot = shownOf(model, options);
  output.value({ sessions: snapshot });
  for (const session of snapshot) if (!isTerminal(session)) print(session);
  return {
    changed(session, before) {
      if (!isShown(session)) return;
      output.value({ session });
      if (before?.status !== session.status || runOf(before) !== runOf(session)) print(session);
    },
  };
}

function runOf(session: Session): string | undefined {
  return "runId" in session ? session.runId : undefined;
}

/** "10:32:05  completed    1f2e3d4c  Check the types  1.9s  no faults". */
export function transitionLine(session: Session, now: number): string {
  const { word } = lookOf(session, undefined);
  const elapsed = isTerminal(session) ? elapsedOf(session, now) : "";
  const said = [cleanLine(session.title), elapsed, detailOf(session, undefined, now)];
  return [
    formatTime(isTerminal(session) ? session.endedAt : session.updatedAt),
    word.padEnd(11),
    shortId(session.id),
    ...said.filter((part) => part !== ""),
  ].join("  ");
}

/** A picture that is drawn again in place when something changes. */
function drawing(model: TreeModel, options: LiveTreeOptions): View {
  const { output, now, footer = [] } = options;
  const canvas = openCanvas(output.stdout);
  let frame: NodeJS.Timeout | undefined;
  const draw = () => {
    clearTimeout(frame);
    frame = undefined;
    const lines = treeLines(shownOf(model, options), model.facts, {
      width: canvas.columns(),
      height: Math.max(1, canvas.rows() - footer.length - 1),
      now: now(),
      paint: output.paint,
    });
    canvas.draw([...lines, ...footer]);
  };
  const onResize = () => {
    canvas.resized();
    draw();
  };
  const clock = setInterval(() => {
    model.refreshPositions();
    draw();
  }, clockMs);
  output.stdout.on("resize", onResize);
  draw();
  return {
    outdated() {
      frame ??= setTimeout(draw, frameMs);
    },
    stop() {
      draw();
      clearInterval(clock);
      output.stdout.off("resize", onResize);
      canvas.done();
    },
  };
}
