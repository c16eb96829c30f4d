/** What a run works on: the messages of its session that no run has read. */
import type { Message } from "../../protocol/session.ts";
import { beforeStart, type Ending } from "../sessions/endings.ts";
import type { Engine } from "./engine.ts";
import type { Run } from "./run.ts";

/** Reads what the run is to work on; answers an ending where there is nothing or no way. */
export async function load(run: Run, { tree, store }: Engine): Promise<Ending | undefined> {
  const { inbox, held } = run;
  const record = tree.find(run.sessionId);
  if (record === undefined) return beforeStart.notFound();
  if (record.session.kind !== "child") return beforeStart.isRoot();
  try {
    const messages = await store.messages(run.sessionId, record.unreadFrom - 1, 10_000);
    const [cause] = run.stop.causes;
    if (cause !== undefined && cause.kind !== "shutdown") {
      return beforeStart.cancelled(cause.kind === "cancelled" ? cause.reason : undefined);
    }
    inbox.readUpTo = messages.at(-1)?.n ?? record.unreadFrom - 1;
    inbox.givenUpTo = inbox.readUpTo;
    const unread = messages.filter(({ role }) => role === "user");
    if (unread.length === 0) return beforeStart.nothingToDo();
    inbox.prompt = joined(unread);
    if (held === undefined) delete inbox.sincePause;
    else inbox.sincePause = joined(unread.filter(({ n }) => n > held.upTo));
    return undefined;
  } catch (cause) {
    // Another run of the same messages would fail as well.
    inbox.readUpTo = record.session.messageCount;
    return beforeStart.unreadable(cause);
  }
}

function joined(messages: readonly Message[]): string {
  return messages.map(({ text }) => text).join("\n\n");
}
