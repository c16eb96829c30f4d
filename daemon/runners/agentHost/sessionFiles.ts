/** Removes the files that the built-in agent keeps of sessions. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { isSessionId } from "../../agent/contract/meta.ts";
import type { StoredSession } from "../../sessions/records.ts";
import { remembered } from "../acp/names.ts";

/** The folder of the built-in agent in the core's state folder. */
export function agentFolder(stateDir: string): string {
  return join(stateDir, "agent");
}

export async function removeAgentSessions(
  stateDir: string,
  records: readonly StoredSession[],
): Promise<void> {
  const folder = agentFolder(stateDir);
  for (const record of records) {
    const id = record.remembered?.[remembered.sessionId];
    // Outside agents make ids of their own and keep their files elsewhere.
    if (record.session.runner !== "model" || id === undefined || !isSessionId(id)) continue;
    await rm(join(folder, `${id}.json`), { force: true });
    await rm(join(folder, "scratch", id), { recursive: true, force: true });
  }
}
