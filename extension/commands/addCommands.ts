/** All commands of the palette and of the rows. */
import type { CommandParts } from "./commandSet.ts";
import { addDaemonCommands, diagnosis, type DaemonParts } from "./daemonCommands.ts";
import { addLookCommands, sessionDocument } from "./reportCommands.ts";
import { addRemoveCommands } from "./removeCommands.ts";
import { createSessionDocuments } from "./sessionDocuments.ts";
import { addSpawnCommands } from "./spawnCommands.ts";
import { addSteerCommands } from "./steerCommands.ts";

export function addCommands(parts: CommandParts, daemon: DaemonParts): void {
  const documents = createSessionDocuments(async (kind, sessionId) => {
    if (kind === "diagnosis") return await diagnosis(parts, daemon);
    await parts.start();
    return await sessionDocument(parts, kind, sessionId);
  });
  parts.context.subscriptions.push(documents);
  addSpawnCommands(parts);
  addSteerCommands(parts);
  addLookCommands(parts, documents);
  addRemoveCommands(parts);
  addDaemonCommands(parts, documents);
}
