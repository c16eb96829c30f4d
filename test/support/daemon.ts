/**
 * A real daemon for a test: a state folder, a configuration file, fronts over real stdio, and the
 * core that they share. Only the agents are small programs made for tests.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  createMessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
  type CancellationToken,
  type MessageConnection,
} from "vscode-jsonrpc/node";
import type { Config } from "../../protocol/config.ts";
import type { ClientOptions } from "../../protocol/daemon.ts";
import type {
  Completion,
  NotificationMethod,
  NotificationParams,
  ParamsOf,
  RequestMethod,
  ResultOf,
} from "../../protocol/messages.ts";
import { ourProcesses } from "./leaks.ts";
import { repository } from "./repository.ts";
import { testFolder } from "./testFolder.ts";
import { waitFor } from "./waitFor.ts";

export type Received = {
  [M in NotificationMethod]: { method: M; params: NotificationParams<M> };
}[NotificationMethod];

export interface TestClient {
  readonly process: ChildProcess;
  readonly connection: MessageConnection;
  /** Every notification, in the order of arrival. */
  readonly received: Received[];
  /** What the front wrote to stderr. */
  readonly stderr: () => string;
  call<M extends RequestMethod>(
    method: M,
    params: ParamsOf<M>,
    token?: CancellationToken,
  ): Promise<ResultOf<M>>;
  /** Spawns a shell command in the daemon's work folder and answers the session's id. */
  shell(command: string, more?: Partial<ParamsOf<"session/spawn">>): Promise<string>;
  of<M extends NotificationMethod>(method: M): NotificationParams<M>[];
  /** Resolves with the completion of the session's last run, as it was notified. */
  completion(sessionId: string, nth?: number): Promise<Completion>;
  /** `shutdown`, `exit`; resolves with the front's exit code. */
  close(): Promise<number | null>;
  /** Ends the front without a word, as a crash of the editor would. */
  crash(): Promise<void>;
}

export interface TestDaemon {
  readonly folder: string;
  /** A folder to run agents in. */
  readonly work: string;
  /** The home folder of the core and its agents. */
  readonly home: string;
  readonly environment: NodeJS.ProcessEnv;
  configure(config: Config): void;
  /** Starts a front, sends `initialize`, and subscribes to everything unless told otherwise. */
  client(
    options?: ClientOptions & { subscribe?: "all" | "lifecycle" | "nothing" },
  ): Promise<TestClient>;
  /** The pid of the core, or of the last one that a client has seen. */
  corePid(): Promise<number>;
  /** kill -9, and waits until it is gone. A front that is still there starts another one. */
  killCore(): Promise<void>;
  /** Stops the core in order, as SIGTERM does, and waits until it is gone. */
  stopCore(): Promise<void>;
  log(): string;
  /** Ends all clients, stops the core in order and removes the folder. */
  stop(): Promise<void>;
}

/** Heartbeats and grace are short in tests; every test may configure more. */
export const quickConfig: Config = {
  heartbeatMs: 200,
  cancel: { termAfterMs: 100, killAfterMs: 300 },
};

const mainFile = join(repository, "daemon", "main.ts");

export function startDaemon(config: Config = {}): TestDaemon {
  const folder = mkdtempSync(join(testFolder, "d-"));
  const work = mkdtempSync(join(testFolder, "w-"));
  const configFile = join(folder, "config.json");
  const stateDir = join(folder, "s");
  const home = join(folder, "h");
  mkdirSync(home);
  const environment = {
    ...process.env,
    // Agents of whoever runs the tests are not for them.
    HOME: home,
    OFFSHOOT_CONFIG: configFile,
    OFFSHOOT_STATE_DIR: stateDir,
  };
  const clients = new Set<TestClient>();
  let lastCorePid: number | undefined;

  const daemon: TestDaemon = {
    folder: stateDir,
    work,
    home,
    environment,
    configure(changed) {
      writeFileSync(configFile, JSON.stringify({ ...quickConfig, ...changed }));
    },
    async client({ subscribe = "all", ...options } = {}) {
      const client = await startClient(environment, work, options);
      clients.add(client);
      client.process.once("exit", () => clients.delete(client));
      if (subscribe !== "nothing") await client.call("tree/subscribe", { events: subscribe });
      lastCorePid = (await client.call("daemon/status", {})).pid;
      return client;
    },
    async corePid() {
      const [client] = clients;
      if (client !== undefined) lastCorePid = (await client.call("daemon/status", {})).pid;
      if (lastCorePid === undefined) throw new Error("no client was ever connected");
      return lastCorePid;
    },
    async killCore() {
      const pid = await daemon.corePid();
      process.kill(pid, "SIGKILL");
      await waitFor(() => !isAlive(pid), `core ${pid} to be gone`);
    },
    async stopCore() {
      const pid = lastCorePid;
      if (pid === undefined) return;
      if (isAlive(pid)) process.kill(pid, "SIGTERM");
      await waitFor(() => !isAlive(pid), "the core to be gone");
    },
    log: () => readFileSync(join(stateDir, "core.log"), "utf8"),
    async stop() {
      await Promise.all([...clients].map((client) => client.close()));
      await daemon.stopCore();
      await endCores();
      for (const made of [folder, work]) rmSync(made, { recursive: true, force: true });
    },
  };
  daemon.configure(config);
  return daemon;
}

/**
 * A core that lost the race for the lock may find it free when the winner has stopped. The suites of
 * one process run one after the other, so every core below its folder is of the suite that ends.
 */
export async function endCores(): Promise<void> {
  await waitFor(() => {
    const cores = ourProcesses().filter(({ command }) =>
      /offshoot core| core --state-/.test(command),
    );
    for (const { pid } of cores) if (isAlive(pid)) process.kill(pid, "SIGTERM");
    return cores.length === 0;
  }, "all cores to be gone");
}

/** The `offshoot` command, as a person would call it. */
export async function offshoot(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  cwd?: string,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [mainFile, ...args], {
    env: environment,
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

async function startClient(
  environment: NodeJS.ProcessEnv,
  work: string,
  options: ClientOptions,
): Promise<TestClient> {
  const front = spawn(process.execPath, [mainFile, "--stdio"], {
    env: environment,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const exited = once(front, "exit") as Promise<[number | null]>;
  let stderr = "";
  front.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const connection = createMessageConnection(
    new StreamMessageReader(front.stdout),
    new StreamMessageWriter(front.stdin),
  );
  front.once("exit", () => connection.dispose());
  const received: Received[] = [];
  connection.onNotification((method: string, params: unknown) => {
    received.push({ method, params } as Received);
  });
  connection.listen();

  const client: TestClient = {
    process: front,
    connection,
    received,
    stderr: () => stderr,
    call: (method, params, token) =>
      // An undefined token would count as one more param.
      token === undefined
        ? connection.sendRequest(method, params)
        : connection.sendRequest(method, params, token),
    async shell(command, more = {}) {
      const { session } = await client.call("session/spawn", {
        prompt: command,
        cwd: work,
        ...more,
      });
      return session.id;
    },
    of: (method) => received.flatMap((one) => (one.method === method ? [one.params] : [])) as never,
    async completion(sessionId, nth = 1) {
      const found = () =>
        client.of("subAgent/completed").filter((one) => one.childSessionId === sessionId)[nth - 1];
      return await waitFor(found, `completion ${nth} of ${sessionId}`, {
        describe: () => received.filter(({ method }) => method !== "subAgent/heartbeat"),
      });
    },
    async crash() {
      const exit = once(front, "exit");
      if (front.kill("SIGKILL")) await exit;
    },
    async close() {
      if (front.exitCode !== null || front.signalCode !== null) return front.exitCode;
      await connection.sendRequest("shutdown");
      await connection.sendNotification("exit");
      const [code] = await exited;
      return code;
    },
  };
  await client.call("initialize", {
    processId: process.pid,
    capabilities: {},
    workspaceFolders: [{ uri: `file://${work}`, name: "work" }],
    initializationOptions: { offshoot: { clientName: "test", ...options } },
  });
  await connection.sendNotification("initialized", {});
  return client;
}

/** A process that has ended and that nobody has asked about yet, a zombie, is not alive. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    if (process.platform !== "linux") return true;
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !stat.slice(stat.lastIndexOf(")")).startsWith(") Z");
  } catch {
    return false;
  }
}
