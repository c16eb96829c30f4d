/** Whether SQLite's native part is there and fits this Node. */

/** Answers with the version of SQLite. Rejects when its native part cannot be loaded. */
export async function sqliteVersion(): Promise<string> {
  // Not imported before it is asked for, because importing it is what fails.
  const { default: sqlite3 } = await import("sqlite3");
  return (sqlite3 as typeof sqlite3 & { VERSION: string }).VERSION;
}
