/**
 * The lock of a state folder: a small database, held with an exclusive transaction for life. The
 * system drops it when the process dies, however it dies, so there is no stale lock.
 */
import { connect, makeFile } from "./connection.ts";
import { explainFault, sqliteCode, StoreOpenError } from "./faults.ts";

export interface HeldLock {
  release(): Promise<void>;
}

/**
 * Takes the lock, or answers "held" at once when another process has it. Rejects with a
 * StoreOpenError when the file cannot be used. Nothing in this process may open the file by other
 * means afterwards: POSIX drops a lock when any descriptor of the file is closed.
 */
export async function acquireLock(file: string): Promise<HeldLock | "held"> {
  await makeFile(file);
  try {
    const connection = await connect(file, 0);
    try {
      // Without this pragma, a process killed at the statement after next leaves a journal behind.
      await connection.query("PRAGMA journal_mode=MEMORY");
      await connection.query("BEGIN EXCLUSIVE");
      // On a file that cannot be written, BEGIN EXCLUSIVE succeeds and locks nothing; this fails.
      await connection.query("PRAGMA user_version=1");
    } catch (error) {
      await connection.close();
      throw error;
    }
    return { release: () => connection.close() };
  } catch (error) {
    if (sqliteCode(error) === "SQLITE_BUSY") return "held";
    throw new StoreOpenError(await explainFault(error, file), { cause: error });
  }
}
