/** Finds the session that a person names by its id or by the end of its id. */
import type { ParamsOf, ResultOf } from "../../protocol/messages.ts";
import type { Session } from "../../protocol/session.ts";
import type { Client } from "./coreClient.ts";
import { usageFailure } from "./failures.ts";
import { present } from "./present.ts";
import { cleanLine, shortId } from "./values.ts";

const wholeId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const candidatesShown = 5;

/** All sessions that match, newest first, over all pages. */
export async function* listSessions(
  client: Client,
  filter: Omit<ParamsOf<"session/list">, "cursor" | "limit">,
  pageSize = 1000,
): AsyncGenerator<Session, void> {
  let cursor: string | undefined;
  do {
    const params = { ...filter, limit: pageSize, ...present({ cursor }) };
    const page: ResultOf<"session/list"> = await client.call("session/list", params);
    yield* page.sessions;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}

/** The ids of the named sessions. Fails with the candidates if several ids have the same end. */
export async function resolveIds(client: Client, named: readonly string[]): Promise<string[]> {
  const ends = named.filter((text) => !wholeId.test(text));
  if (ends.length === 0) return [...named];
  const found = new Map<string, Session[]>(ends.map((end) => [end, []]));
  for await (const session of listSessions(client, {})) {
    for (const end of ends) if (session.id.endsWith(end)) found.get(end)?.push(session);
  }
  return named.map((text) => (wholeId.test(text) ? text : theOne(text, found.get(text) ?? [])));
}

export async function resolveId(client: Client, named: string): Promise<string> {
  const [id] = await resolveIds(client, [named]);
  return id ?? named;
}

/** The named session, as it is now. */
export async function sessionNamed(client: Client, named: string): Promise<Session> {
  const sessionId = await resolveId(client, named);
  return (await client.call("session/get", { sessionId })).session;
}

function theOne(end: string, candidates: readonly Session[]): string {
  const [first, ...others] = candidates;
  if (first === undefined) {
    throw usageFailure(`no session's id ends in "${end}"; \`offshoot ls\` shows them all`);
  }
  if (others.length === 0) return first.id;
  const lines = candidates
    .slice(0, candidatesShown)
    .map((session) => `  ${session.id}  ${session.status}  ${cleanLine(session.title)}`);
  const more = candidates.length - lines.length;
  if (more > 0) lines.push(`  and ${more} more`);
  throw usageFailure(
    [`${candidates.length} sessions end in "${end}"; give more of the id:`, ...lines].join("\n"),
  );
}

/** The name of a session in a sentence: the end of its id and its title. */
export function nameOf(session: Session): string {
  return `${shortId(session.id)} "${cleanLine(session.title)}"`;
}
