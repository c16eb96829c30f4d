/** All commands for sessions and for the daemon. */
import type { CommandServices } from "./commandSet.ts";
import { addDaemonCommands, diagnosis, type FrontProgram } from "./daemonCommands.ts";
import { addRemoveCommands } from "./removeCommands.ts";
import { addReportCommands, sessionReport } from "./reportCommands.ts";
import { createSessionDocuments } from "./sessionDocuments.ts";
import { addSpawnCommands } from "./spawnCommands.ts";
import { addSteerCommands } from "./steerCommands.ts";

export function addCommands(services: CommandServices, front: FrontProgram): void {
  const documents = createSessionDocuments(async (kind, sessionId) => {
    if (kind === "diagnosis") return await diagnosis(services, front);
    await services.start();
    return await sessionReport(services, kind, sessionId);
  });
  services.context.subscriptions.push(documents);
  addSpawnCommands(services);
  addSteerCommands(services);
  addReportCommands(services, documents);
  addRemoveCommands(services);
  addDaemonCommands(services, documents);
}
