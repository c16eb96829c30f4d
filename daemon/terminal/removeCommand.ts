/** `rm`: says what it ends and removes, and asks; where nobody can answer, only with `--yes`. */
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
    throw usageFailure("nobody can be asked whether to remove them; give -y where that is meant");
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

/** Says what would go, and asks. */
async function agreed(
  client: Client,
  { output, terminal }: Invocation,
  ids: readonly string[],
): Promise<boolean> {
  const doomed = new Map<string, Session>();
  for (const sessionId of ids) {
    const { session } = await client.call("session/get", { sessionId });
    const tree = [session];
    for await (const below of listSessions(client, { rootId: session.rootId })) tree.push(below);
    for (const below of subtreeOf(tree, session.id)) doomed.set(below.id, below);
  }
  const live = [...doomed.values()].filter(
    (session) => session.kind === "child" && !isTerminal(session),
  );
  for (const id of ids) {
    const session = doomed.get(id);
    if (session) output.note(`removes ${nameOf(session)}`);
  }
  output.note(
    `${doomed.size} with everything below; ${live.length} of them have not ended and are ended by it`,
  );
  const question = createInterface({ input: terminal.stdin, output: output.stdout });
  try {
    return /^y(es)?$/i.test((await question.question("Remove them? [y/N] ")).trim());
  } finally {
    question.close();
  }
}
