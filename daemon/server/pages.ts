/** Keeps answers small: a message of the wire has 64 MiB at most, and reads should end soon. */
import type { ResultOf } from "../../protocol/messages.ts";
import { isTerminal, type Session } from "../../protocol/session.ts";
import { blobPartLength } from "../sessions/eventSize.ts";
import { InvalidParams } from "../base/invalidParams.ts";
import type { Store } from "../store/sessionStore.ts";

/** A snapshot has about this much JSON at most: 16 MiB. */
const snapshotBytes = 16 * 1024 * 1024;
/** A page with this much JSON is full, whatever its limit: 4 MiB. */
const pageBytes = 4 * 1024 * 1024;
const rowsPerRead = 20;
/** Parts of a blob in one answer: 256 Ki characters. */
const blobPartsPerAnswer = 4;

/**
 * The sessions of a snapshot: all of them, unless they are too much for one message. Then those
 * that ended long ago are left to `session/list`, which continues from `nextCursor`; open sessions
 * and the ones above them are never left out.
 */
export function snapshotOf(sessions: Session[]): { sessions: Session[]; nextCursor?: string } {
  let left = snapshotBytes;
  const first = sessions.findLastIndex((session) => (left -= aboutBytes(session)) < 0);
  const oldest = sessions[first + 1];
  if (first < 0 || oldest === undefined) return { sessions };
  const kept = new Set<string>();
  for (const session of sessions.toReversed()) {
    if (session.id < oldest.id && isTerminal(session) && !kept.has(session.id)) continue;
    kept.add(session.id);
    if (session.parentId !== null) kept.add(session.parentId);
  }
  return { sessions: sessions.filter(({ id }) => kept.has(id)), nextCursor: oldest.id };
}

/** Only texts make sessions large. */
function aboutBytes(session: Session): number {
  const result = "result" in session ? (session.result ?? "") : "";
  return 1000 + 2 * (session.title.length + session.cwd.length + result.length);
}

/** Reads rows in small pieces until the page has enough of them, or enough bytes for one message. */
export async function readPage<Row>(
  read: (after: number, limit: number) => Promise<Row[]>,
  numberOf: (row: Row) => number,
  after: number,
  limit: number,
): Promise<Row[]> {
  const page: Row[] = [];
  let bytes = 0;
  while (page.length < limit && bytes < pageBytes) {
    const last = page.at(-1);
    const asked = Math.min(rowsPerRead, limit - page.length);
    const rows = await read(last === undefined ? after : numberOf(last), asked);
    page.push(...rows);
    if (rows.length < asked) break;
    bytes += Buffer.byteLength(JSON.stringify(rows));
  }
  return page;
}

/** Throws -32602 where there is no such blob. */
export async function readBlob(
  store: Store,
  sessionId: string,
  blobId: string,
  offset: number,
): Promise<ResultOf<"session/blob">> {
  const first = Math.floor(offset / blobPartLength);
  let text = "";
  for (let part = first; part < first + blobPartsPerAnswer; part += 1) {
    const found = await store.blobPart(sessionId, blobId, part);
    if (found === undefined) {
      if (part > 0) return { text: text.slice(offset % blobPartLength) };
      throw new InvalidParams([{ path: "blobId", message: `${blobId} is not kept` }]);
    }
    text += found;
  }
  const nextOffset = (first + blobPartsPerAnswer) * blobPartLength;
  return { text: text.slice(offset % blobPartLength), nextOffset };
}
