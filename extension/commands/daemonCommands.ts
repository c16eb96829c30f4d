/** Commands about the daemon: restart, log, diagnosis. They work without a connection, too. */
import { arch, platform, release } from "node:os";
import { version, workspace } from "vscode";
import { registerCommand } from "../editor/commands.ts";
import type { Services } from "../editor/services.ts";
import { isConfirmed } from "./commandSet.ts";
import { confirmRestart } from "./confirmations.ts";
import { askDoctor } from "./doctor.ts";
import { diagnosisText } from "./documentTexts.ts";
import type { SessionDocuments } from "./sessionDocuments.ts";

export interface FrontProgram {
  front: string;
  args: () => readonly string[];
}

export function addDaemonCommands(services: Services, documents: SessionDocuments): void {
  const { context, client, model, log } = services;
  context.subscriptions.push(
    registerCommand(services, "restart", async () => {
      if (client.state.kind === "connected") {
        if (!(await isConfirmed(confirmRestart(model)))) return;
        await client.call("daemon/stop", { runs: "interrupt" });
      }
      await client.restart();
    }),
    registerCommand(services, "showLog", async () => log.show()),
    registerCommand(services, "diagnose", () => documents.open("diagnosis", "Offshoot diagnosis")),
  );
}

/** Asks the doctor and the daemon, and leaves out what does not answer. */
export async function diagnosis(
  { client, context }: Services,
  { front, args }: FrontProgram,
): Promise<string> {
  const cwd = workspace.workspaceFolders?.[0]?.uri.fsPath;
  const isConnected = client.state.kind === "connected";
  const trust = workspace.isTrusted ? ["--trust"] : [];
  const [checks, status, agents] = await Promise.all([
    askDoctor(front, [...args(), ...trust], cwd),
    isConnected ? client.call("daemon/status", {}).catch(() => undefined) : undefined,
    isConnected ? client.call("agent/list", cwd ? { cwd } : {}).catch(() => undefined) : undefined,
  ]);
  const { packageJSON } = context.extension as { packageJSON: { version?: string } };
  const { state } = client;
  return diagnosisText({
    versions: {
      extension: packageJSON.version ?? "unknown",
      editor: version,
      node: `${process.version} at ${process.execPath}`,
      system: `${platform()} ${release()} ${arch()}`,
    },
    connection: "why" in state ? `${state.kind}: ${state.why}` : state.kind,
    checks,
    status,
    agents: agents?.agents ?? [],
    faults: agents?.faults ?? [],
  });
}
