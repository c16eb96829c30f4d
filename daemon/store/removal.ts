/** Removes rows in pieces between the commits of others, so that no append waits for long. */
import { deletionKey, rowsOfSession, type KeyRange } from "./keys.ts";
import type { SqliteAdapter } from "./sqliteAdapter.ts";

const rowsPerPiece = 200;
const pagesPerPiece = 256;

/**
 * Removes all rows of sessions whose headers are gone, then the marks of their removal. Stops
 * early, with the marks in place, once `signal` is aborted.
 */
export async function removeSessionRows(
  adapter: SqliteAdapter,
  sessionIds: string[],
  signal: AbortSignal,
): Promise<void> {
  for (const id of sessionIds) await removeRange(adapter, rowsOfSession(id), signal);
  if (signal.aborted) return;
  await adapter.commit({ puts: [], deletes: sessionIds.map(deletionKey), sync: "normal" });
}

export async function removeRange(
  adapter: SqliteAdapter,
  range: KeyRange,
  signal: AbortSignal,
): Promise<void> {
  let removed = rowsPerPiece;
  while (removed === rowsPerPiece && !signal.aborted) {
    removed = await adapter.deleteRange(range, rowsPerPiece);
  }
}

/** Gives the pages that became free back to the file system. */
export async function shrinkFile(adapter: SqliteAdapter, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && (await freePages(adapter)) > 0) {
    await adapter.exclusively(() => adapter.query(`PRAGMA incremental_vacuum(${pagesPerPiece})`));
  }
  if (signal.aborted) return;
  // Only a checkpoint makes the file itself shorter.
  await adapter.exclusively(() => adapter.query("PRAGMA wal_checkpoint(TRUNCATE)"));
}

async function freePages(adapter: SqliteAdapter): Promise<number> {
  const rows = (await adapter.query("PRAGMA freelist_count")) as { freelist_count: number }[];
  return rows[0]?.freelist_count ?? 0;
}
