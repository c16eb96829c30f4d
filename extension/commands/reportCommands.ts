/** Commands that look: result, events, cost. */
import { env, window } from "vscode";
import type { StoredEvent } from "../../protocol/events.ts";
import { plural } from "../sessions/sessionWords.ts";
import { ableOf, commandAdder, type CommandParts } from "./commandSet.ts";
import { costTableText, eventsText, resultText } from "./documentTexts.ts";
import type { DocumentKind, SessionDocuments } from "./sessionDocuments.ts";

/** The newest ones: a document with more of them is of no use to anybody. */
const mostEvents = 10_000;
const mostOpened = 10;
const pageSize = 1000;
const saidForMs = 4_000;

export function addLookCommands(parts: CommandParts, documents: SessionDocuments): void {
  const { visible } = parts;
  const add = commandAdder(parts);

  add("openResult", async (sessions) => {
    for (const { id, title } of ableOf(sessions, "result", visible).slice(0, mostOpened)) {
      await documents.open("result", title, id);
    }
  });
  add("copyResult", async (sessions) => {
    const able = ableOf(sessions, "result", visible);
    await env.clipboard.writeText(able.map(resultText).join("\n\n"));
    window.setStatusBarMessage(`Copied ${plural(able.length, "result")}.`, saidForMs);
  });
  add("showEvents", async (sessions) => {
    for (const { id, title } of ableOf(sessions, "transcript", visible).slice(0, mostOpened)) {
      await documents.open("events", `Events of ${title}`, id);
    }
  });
  add("showCost", async (sessions) => {
    for (const { id, title } of ableOf(sessions, "cost", visible).slice(0, mostOpened)) {
      await documents.open("cost", `Cost of ${title}`, id);
    }
  });
}

/** The text of a document about a session. Throws where the session is gone. */
export async function sessionDocument(
  { client, model }: CommandParts,
  kind: Exclude<DocumentKind, "diagnosis">,
  sessionId: string,
): Promise<string> {
  const { session } = await client.call("session/get", { sessionId });
  if (kind === "result") return resultText(session);
  if (kind === "cost") return costTableText(session, model.subtree(sessionId), Date.now());
  const events: StoredEvent[] = [];
  let after = Math.max(0, session.lastSeq - mostEvents);
  for (;;) {
    const page = await client.call("session/events", { sessionId, after, limit: pageSize });
    events.push(...page.events);
    const last = page.events.at(-1)?.seq;
    if (last === undefined || last >= session.lastSeq) return eventsText(session, events);
    after = last;
  }
}
