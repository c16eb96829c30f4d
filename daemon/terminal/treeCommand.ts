/** `tree`: the sessions as a tree, once or live. */
import type { Session } from "../../protocol/session.ts";
import type { Client } from "../client/coreClient.ts";
import { exitCodes, unreachableFailure } from "../client/failures.ts";
import type { CommonOptions, Invocation } from "./invocation.ts";
import { liveTree, type LiveTreeOptions } from "./liveTree.ts";
import { untilInterrupted, widthOf, type Output } from "./output.ts";
import { sessionNamed } from "../client/sessionIds.ts";
import { subtreeOf } from "./treeLayout.ts";
import { treeLines } from "./treeView.ts";

export interface TreeOptions extends CommonOptions {
  readonly once?: boolean;
}

/** If the store has more sessions than this, `tree` shows only new and unfinished trees. */
const manySessions = 5_000;
const newestShown = 500;

/** The trees, and the part of a tree, that are shown. */
type Part = Pick<LiveTreeOptions, "rootIds" | "topId">;

/** Shows all trees, or one session with everything below it. */
export async function tree(
  client: Client,
  { output, terminal }: Invocation,
  named: string | undefined,
  { once }: TreeOptions,
): Promise<number> {
  const part =
    named === undefined ? await partOfAll(client, output) : await partBelow(client, named);
  if (once === true) return await printOnce(client, output, part, terminal.now());
  const footer = [output.paint("dim", "Ctrl-C ends this view; the runs continue.")];
  const live = await liveTree({ client, output, ...part, now: terminal.now, footer });
  const lost = client.ended.then(() => {
    throw unreachableFailure("the core has stopped");
  });
  const end = output.canDraw ? lost : Promise.race([live.allEnded(), lost]);
  try {
    return await untilInterrupted(
      end.then(() => exitCodes.ok),
      () => {},
    );
  } finally {
    live.stop();
    lost.catch(() => {});
  }
}

async function printOnce(client: Client, output: Output, part: Part, now: number): Promise<number> {
  const { rootIds, topId } = part;
  const { sessions } = await client.call("tree/subscribe", rootIds ? { rootIds } : {});
  const shown = topId === undefined ? sessions : subtreeOf(sessions, topId);
  output.value({ sessions: shown });
  if (shown.length === 0) output.note("No sessions.");
  const view = { width: widthOf(output), now, paint: output.paint };
  for (const line of treeLines(shown, new Map(), view)) output.line(line);
  return exitCodes.ok;
}

async function partBelow(client: Client, named: string): Promise<Part> {
  const top = await sessionNamed(client, named);
  return { rootIds: [top.rootId], ...(top.kind === "child" && { topId: top.id }) };
}

/** All trees; of a large store only those with new or unfinished sessions. */
async function partOfAll(client: Client, output: Output): Promise<Part> {
  const { sessions: inAll } = await client.call("daemon/status", {});
  if (inAll <= manySessions) return {};
  const pages = await Promise.all([
    client.call("session/list", { limit: newestShown }),
    client.call("session/list", {
      status: ["running", "suspended", "queued", "paused"],
      limit: newestShown,
    }),
  ]);
  const newest: Session[] = pages.flatMap((page) => page.sessions);
  const rootIds = [...new Set(newest.map((session) => session.rootId))];
  output.note(`${inAll} sessions in all; shown are the trees with new or unfinished ones.`);
  return { rootIds };
}
