/** A whole session as Markdown, in pieces for each page of its events. */
import type { StoredEvent } from "../../protocol/events.ts";
import type { Session } from "../../protocol/session.ts";
import { isLive, isTerminal } from "../../protocol/states.ts";
import type { Block } from "./block.ts";
import { blocksOf } from "./blocks.ts";
import { inMarkdown, markdownOf, timeOf } from "./markdownText.ts";
import type { SessionReader } from "./sessionReader.ts";

/** A block that goes on is written with the next page, but never more than these events wait. */
const mostHeldEvents = 5_000;

export async function* transcriptMarkdown(
  session: Session,
  reader: Pick<SessionReader, "allEvents" | "sentMessages">,
): AsyncGenerator<string> {
  yield `# ${inMarkdown(session.title)}\n\n${factsOf(session)}\n`;
  const messages = await reader.sentMessages();
  let held: StoredEvent[] = [];
  let written = 0;
  for await (const { events, lastSeq } of reader.allEvents()) {
    const all = [...held, ...events];
    const isLast = (all.at(-1)?.seq ?? 0) >= lastSeq;
    const open = isLast || all.length > mostHeldEvents ? Infinity : firstOpenSeq(all);
    const ready = all.filter(({ seq }) => seq < open);
    held = all.slice(ready.length);
    const until = isLast ? Infinity : (ready.at(-1)?.at ?? -Infinity);
    const sent = messages.slice(written).filter(({ at }) => at <= until);
    written += sent.length;
    const goesOn = !isLast || isLive(session);
    for (const block of blocksOf({ events: ready, messages: sent, goesOn })) {
      yield `\n${markdownOf(block)}\n`;
    }
  }
  yield endOf(session);
}

/** Number of the first event of a block that is not complete at the end of these events. */
function firstOpenSeq(events: StoredEvent[]): number {
  const blocks = blocksOf({ events, messages: [], goesOn: true });
  const open = blocks.filter((block, place) => isOpen(block, place === blocks.length - 1));
  return Math.min(Infinity, ...open.map(({ seq }) => seq));
}

function isOpen(block: Block, isLast: boolean): boolean {
  if (block.kind === "message" || block.kind === "thought") return block.isOpen;
  if (block.kind === "tool") return block.status === "running";
  return isLast && block.kind === "output";
}

function factsOf(session: Session): string {
  const facts = [
    ...(session.agent === "" ? [] : [`agent ${inMarkdown(session.agent)}`]),
    ...(session.model === undefined ? [] : [`model ${inMarkdown(session.model)}`]),
    `state ${session.status}`,
    `folder ${inMarkdown(session.cwd)}`,
    `begun ${timeOf(session.createdAt)}`,
    ...(session.usage.costUsd > 0 ? [`cost $${session.usage.costUsd.toFixed(4)}`] : []),
  ];
  return facts.map((fact) => `- ${fact}`).join("\n");
}

function endOf(session: Session): string {
  if (!isTerminal(session)) return `\n---\n\n*Not ended: ${session.status}.*\n`;
  const why = session.error?.message ?? session.reason;
  const more = why === undefined ? "" : `: ${inMarkdown(why)}`;
  return `\n---\n\n*Ended ${timeOf(session.endedAt)}, ${session.status}${more}.*\n`;
}
