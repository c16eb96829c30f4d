/** Opens what a core needs before it accepts clients: the store, its content, and all parts. */
import { rm } from "node:fs/promises";
import { systemClock } from "../base/clock.ts";
import { openLog } from "../base/log.ts";
import type { StateFolder } from "../base/stateFolder.ts";
import { createConfiguration } from "../config/config.ts";
import { settingsOf } from "../config/settings.ts";
import { canAnswer } from "../permissions/approvals.ts";
import { createProcesses } from "../processes/processes.ts";
import { acpRunner } from "../runners/acp/acp.ts";
import { createAgentHosts, type AgentHosts } from "../runners/agentHost/agentHosts.ts";
import { commandRunner } from "../runners/command/command.ts";
import { recoverRuns } from "../runs/recovery.ts";
import { createApiKeys } from "../server/apiKeys.ts";
import { createEditorModels } from "../server/editorModels.ts";
import { createHub } from "../server/hub.ts";
import { createStatus } from "../server/status.ts";
import { createHistory } from "../sessions/history.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import { openStore } from "../store/openStore.ts";
import { assemble } from "./assemble.ts";
import { endDeadRuns, loadStored } from "./recover.ts";
import { writeSelfCommand } from "./selfCommand.ts";

export interface CoreOptions {
  folder: StateFolder;
  /** Path of the user's configuration file. */
  configFile: string;
  /** What runs inherit the allowed part of. */
  environment: NodeJS.ProcessEnv;
  /** How to call `offshoot` itself, for programs inside a run. */
  selfCommand: readonly string[];
}

export type OpenCore = Awaited<ReturnType<typeof openCore>>;

/** Call with the lock of the folder held: the store is opened, and runs of a dead core are ended. */
export async function openCore({ folder, configFile, environment, selfCommand }: CoreOptions) {
  const clock = systemClock;
  const startedAt = clock.now();
  const log = openLog(folder.logFile);
  const configuration = createConfiguration(configFile);
  const user = () => configuration.user().config;
  const settings = () => settingsOf(user());
  const processes = createProcesses({ log });
  const hub = createHub();
  const apiKeys = createApiKeys();
  const editorModels = createEditorModels();

  const uri = user().store ?? `sqlite://${folder.storeFile}`;
  const store = await openStore({ uri, log, clock });
  await rm(folder.runsDir, { recursive: true, force: true });
  const { killAfterMs } = settings().grace;
  await endDeadRuns({ store, processes, stateDir: folder.dir, killAfterMs, log });
  const stored = await loadStored(store, log);

  let hosts: AgentHosts | undefined;
  const runners = (tree: SessionTree) => {
    hosts = createAgentHosts({
      ...createHistory({ tree, store }),
      ...{ selfCommand, environment, processes, editorModels, log },
      stateDir: folder.dir,
      providers: () => user().providers,
      defaultModel: () => user().defaultModel,
      setup: (sessionId) => tree.find(sessionId)?.setup,
      apiKeys: apiKeys.all,
    });
    return {
      command: commandRunner({ processes, log }),
      acp: acpRunner({ processes, log }),
      model: acpRunner({ processes, log, hosts }),
    };
  };
  const assembly = assemble({
    ...{ folder, store, stored, configuration, settings, environment, selfCommand },
    ...{ processes, runners },
    permissions: () => user().permissions ?? {},
    notify: hub.notify,
    canBeAnswered: () => [...hub.clients].some(canAnswer),
    apiKeys: apiKeys.all,
    editorModels: editorModels.all,
    random: Math.random,
    ...{ clock, log },
  });
  await assembly.approvalRules.removeOrphans();
  const recovered = await recoverRuns(assembly.engine);
  await writeSelfCommand(folder, selfCommand);

  const { setAside } = stored;
  const status = createStatus({
    ...{ folder, configuration, settings, store, hub, setAside, startedAt },
    ...{ tree: assembly.engine.tree, scheduler: assembly.scheduler, agents: assembly.agents },
  });
  return {
    ...{ folder, configuration, settings, store, hub, apiKeys, editorModels, status, log },
    ...{ assembly, recovered, stopHosts: () => hosts?.stop() },
  };
}
