/** Commands that open a report on a session: result, events, cost. */
import { env, window } from "vscode";
import type { StoredEvent } from "../../protocol/events.ts";
import { plural } from "../base/text.ts";
import type { Services } from "../editor/services.ts";
import type { Ability } from "../sessions/abilities.ts";
import { ableOf, commandAdder, type CommandServices } from "./commandSet.ts";
import { costTableText, eventsText, resultText } from "./documentTexts.ts";
import type { DocumentKind, SessionDocuments } from "./sessionDocuments.ts";

/** Only the newest events: a longer document would be of no use. */
const mostEvents = 10_000;
const mostOpened = 10;
const pageSize = 1000;
const shownForMs = 4_000;

export function addReportCommands(services: CommandServices, documents: SessionDocuments): void {
  const { visible } = services.view;
  const add = commandAdder(services);
  const addReport = (
    name: string,
    ability: Ability,
    kind: DocumentKind,
    titleOf: (title: string) => string,
  ) =>
    add(name, async (sessions) => {
      for (const { id, title } of ableOf(sessions, ability, visible).slice(0, mostOpened)) {
        await documents.open(kind, titleOf(title), id);
      }
    });

  addReport("openResult", "result", "result", (title) => title);
  addReport("showEvents", "transcript", "events", (title) => `Events of ${title}`);
  addReport("showCost", "cost", "cost", (title) => `Cost of ${title}`);
  add("copyResult", async (sessions) => {
    const able = ableOf(sessions, "result", visible);
    await env.clipboard.writeText(able.map(resultText).join("\n\n"));
    window.setStatusBarMessage(`Copied ${plural(able.length, "result")}.`, shownForMs);
  });
}

/** The text of a report. Throws where the session does not exist any more. */
export async function sessionReport(
  { client, model }: Services,
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
