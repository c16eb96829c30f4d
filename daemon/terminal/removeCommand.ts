/** `rm`: shows what it would cancel and remove, and asks; without a terminal it needs `--yes`. */
import { createInterface } from "node:readline/promises";
import { isTerminal, type Session } from "../../protocol/session.ts";
import type { Client } from "../client/coreClient.ts";
import { exitCodes, usageFailure } from "../client/failures.ts";
import { withCore, type CommonOptions, type Invocation } from "./invocation.ts";
import { listSessions, nameOf, resolveIds } from "../client/sessionIds.ts";
import { subtreeOf } from "./treeLayout.ts";

export async function remove(
  invocation: Invocation,
  [named]: [string[]],
  options: CommonOptions & { yes?: boolean },
): Promise<number> {
  const { output, terminal } = invocation;
  const canAsk = terminal.stdin.isTTY === true && output.stdout.isTTY === true && !output.json;
  if (options.yes !== true && !canAsk) {
    throw usageFailure(
      "`rm` asks before it removes sessions, and nobody can answer here; give -y to remove them",
    );
  }
  return await withCore(invocation, async (client) => {
    const ids = await resolveIds(client, named);
    if (options.yes !== true && !(await agreed(client, invocation, ids))) {
      output.note("Nothing was removed.");
      return exitCodes.ok;
    }
    let deleted = 0;
    for (const sessionId of ids) {
      deleted += (await client.call("session/delete", { sessionId })).deleted;
    }
    output.value({ deleted });
    output.line(`removed ${deleted} ${deleted === 1 ? "session" : "sessions"}`);
    return exitCodes.ok;
  });
}

/** Shows what would be removed, and asks. */
async function agreed(
  client: Client,
  { output, terminal }: Invocation,
  ids: readonly string[],
): Promise<boolean> {
  const affected = new Map<string, Session>();
  for (const sessionId of ids) {
    const { session } = await client.call("session/get", { sessionId });
    const tree = [session];
    for await (const below of listSessions(client, { rootId: session.rootId })) tree.push(below);
    for (const below of subtreeOf(tree, session.id)) affected.set(below.id, below);
  }
  const live = [...affected.values()].filter(
    (session) => session.kind === "child" && !isTerminal(session),
  );
  for (const id of ids) {
    const session = affected.get(id);
    if (session) output.note(`removes ${nameOf(session)}`);
  }
  output.note(
    `sessions in all: ${affected.size}; not ended, and therefore cancelled: ${live.length}`,
  );
  const question = createInterface({ input: terminal.stdin, output: output.stdout });
  try {
    return /^y(es)?$/i.test((await question.question("Remove them? [y/N] ")).trim());
  } finally {
    question.close();
  }
}
