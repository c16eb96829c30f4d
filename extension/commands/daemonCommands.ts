/** Commands about the daemon itself: restart, log, diagnosis. They work without a connection too. */
import { arch, platform, release } from "node:os";
import { commands, version, window, workspace } from "vscode";
import type { CommandParts } from "./commandSet.ts";
import { confirmRestart } from "./confirmations.ts";
import { askDoctor } from "./doctor.ts";
import { diagnosisText } from "./documentTexts.ts";
import type { SessionDocuments } from "./sessionDocuments.ts";
import { isConfirmed } from "./steerCommands.ts";

export interface DaemonParts {
  /** Path of the bundle that is the front, and its arguments. */
  front: string;
  args: () => readonly string[];
}

export function addDaemonCommands(parts: CommandParts, documents: SessionDocuments): void {
  const { context, client, model, log } = parts;
  const add = (name: string, action: () => Promise<void>) => {
    const run = async () => {
      try {
        await action();
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        log.error(`${name}: ${message}`);
        if (client.state.kind !== "gone") void window.showErrorMessage(`Offshoot: ${message}`);
      }
    };
    context.subscriptions.push(commands.registerCommand(`offshoot.view.${name}`, run));
  };

  add("restart", async () => {
    if (client.state.kind === "connected") {
      if (!(await isConfirmed(confirmRestart(model)))) return;
      await client.call("daemon/stop", { runs: "interrupt" });
    }
    await client.restart();
  });
  add("showLog", async () => log.show());
  add("diagnose", () => documents.open("diagnosis", "Offshoot diagnosis"));
}

/** Asks everybody who knows something, and goes on where one of them does not answer. */
export async function diagnosis(
  { client, context }: CommandParts,
  { front, args }: DaemonParts,
): Promise<string> {
  const cwd = workspace.workspaceFolders?.[0]?.uri.fsPath;
  const isConnected = client.state.kind === "connected";
  const trust = workspace.isTrusted ? ["--trust"] : [];
  const [checks, status, agents] = await Promise.all([
    askDoctor({ front, args: [...args(), ...trust], ...(cwd !== undefined && { cwd }) }),
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
