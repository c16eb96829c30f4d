/** Work for agents of all kinds, for a daemon that is being tormented; chosen by a seeded random. */
import { setTimeout as pause } from "node:timers/promises";
import type { Config } from "../../protocol/config.ts";
import type { Session } from "../../protocol/session.ts";
import type { Editor } from "./faultEditor.ts";
import type { Ledger } from "./faultLedger.ts";
import { script, type Step } from "./modelServer.ts";
import { agentFile } from "./runContext.ts";

export interface AgentLoad {
  /** So many pieces of work, side by side; resolves when all that they began has ended. */
  round(pieces: number): Promise<void>;
  /** Answers what agents ask, at random, until it is stopped. */
  answerApprovals(): { stop(): Promise<void> };
  /** Sessions whose end somebody waits for. */
  readonly unsettled: ReadonlySet<string>;
}

interface Parts {
  editors: readonly Editor[];
  ledger: Ledger;
  /** A folder to run agents in. */
  cwd: string;
  random: () => number;
}

const program = (file: string, ...args: string[]) => ({
  command: process.execPath,
  args: [agentFile(file), ...args],
});

/** `-on`: goes on after the death of its core. */
export function loadedAgents(modelUrl: string): Config {
  const model = { model: "scripted/model", runner: { kind: "model" } } as const;
  const acp = (setUp: object) =>
    ({ kind: "acp", ...program("acp-agent.mjs", JSON.stringify(setUp)) }) as const;
  const claude = (...args: Parameters<typeof program>) =>
    ({ kind: "command", ...program(...args), format: "claude-stream-json" }) as const;
  const agents: Config["agents"] = [
    { name: "model", ...model },
    { name: "model-on", ...model, onHostRestart: "resume" },
    { name: "acp", runner: acp({}) },
    {
      name: "acp-on",
      runner: acp({ capabilities: { loadSession: true } }),
      onHostRestart: "resume",
    },
    { name: "claude-nested", runner: claude("json-claude.mjs", "nested") },
    { name: "claude-talk", runner: { ...claude("json-claude-talk.mjs"), promptVia: "stdin" } },
  ];
  return {
    agents: agents.map((agent) => ({ ...agent, restart: { backoffMs: 10 } })),
    providers: { scripted: { kind: "openai-compatible", baseUrl: modelUrl } },
  };
}

const usage = { input: 20, output: 10, cost: 0.01 };
const list = { name: "list_dir", input: {} };
const run = (command: string, more: object = {}) => ({
  name: "run_command",
  input: { command, ...more },
});
const permission = {
  request: "session/request_permission",
  params: {
    toolCall: { toolCallId: "t1", title: "x", kind: "execute", rawInput: { command: "x" } },
    options: [
      { optionId: "2", name: "Yes", kind: "allow_once" },
      { optionId: "3", name: "No", kind: "reject_once" },
    ],
  },
};
const subAgent = (sessionId: string, state: object) => ({
  update: { sessionUpdate: "subagent_update", sessionId, title: sessionId, state },
});
const chunk = (text: string) => ({
  sessionUpdate: "agent_message_chunk",
  content: { type: "text", text },
});
const answered = {
  answer: { stopReason: "end_turn", usage: { inputTokens: 7, outputTokens: 5, totalTokens: 12 } },
};

const modelScenes: ((key: string) => Step[])[] = [
  () => [{ text: "word ".repeat(40), deltas: 20, delayMs: 10, usage }],
  () => [{ calls: [list], usage }, { calls: [run("sleep 0.1; echo x")], usage }, { text: "Ran." }],
  (key) => [
    {
      calls: [run("echo a"), { name: "write_file", input: { path: `${key}.txt`, content: "x" } }],
      usage,
    },
    { text: "Both.", usage },
  ],
  () => [
    { calls: [run("setsid sleep 60 & sleep 60", { background: true })], usage },
    { text: "B" },
  ],
  () => [
    { text: "Half", ending: "drop" },
    { text: "Whole.", usage },
  ],
  (key) => [
    {
      calls: ["model", "acp", "claude-nested"].map((agent) => delegation(`${key} ${agent}`, agent)),
    },
    { text: "Folded.", usage },
  ],
];
const delegation = (key: string, agent: string) => ({
  name: "spawn_agent",
  input: { prompt: shortWork(key, agent), agent, wait: true },
});
const shortWork = (key: string, agent: string) =>
  agent === "model"
    ? script(key, { calls: [list], usage }, { text: "Below.", deltas: 3, delayMs: 20, usage })
    : JSON.stringify([{ say: "Below." }, { pauseMs: 50 }, answered]);

/** A message that every agent can end. */
const moreFor = (agent: string, key: string) => {
  if (agent.startsWith("model")) return script(`${key} more`, { text: "More.", usage });
  return agent.startsWith("acp") ? JSON.stringify([{ say: "more" }]) : `end ${key}`;
};

const acpScenes: object[][] = [
  [{ say: "one " }, { pauseMs: 80 }, { say: "two" }, answered],
  [permission, { sayAnswer: "last" }, answered],
  [
    subAgent("a", { state: "running" }),
    subAgent("b", { state: "running" }),
    { session: "a", update: chunk("I see.") },
    { pauseMs: 100 },
    subAgent("a", { state: "idle", stopReason: "end_turn" }),
    { say: "b never ended" },
  ],
  [{ start: ["sleep", "60"], detached: true }, { pauseMs: 60 }, { say: "left one" }],
  [{ many: 400, size: 50 }, answered],
];

/** Never ends by itself. */
const lastingScenes: [agent: string, prompt: (key: string) => string][] = [
  [
    "model",
    (key) => script(key, { text: "Well …", ending: "hang" }, { text: "On.", ending: "hang" }),
  ],
  ["model-on", (key) => script(key, { calls: [run("sleep 60 & setsid sleep 60")] })],
  [
    "acp",
    () =>
      JSON.stringify([
        { start: ["sleep", "60"], detached: true },
        { ...permission },
        { hang: true },
      ]),
  ],
  ["claude-talk", (key) => `hold ${key}`],
];

export function startAgentLoad({ editors, ledger, cwd, random }: Parts): AgentLoad {
  const unsettled = new Set<string>();
  let spawns = 0;
  const pick = <Value>(all: readonly Value[]): Value => {
    const value = all[Math.floor(random() * all.length)];
    if (value === undefined) throw new Error("nothing to pick from");
    return value;
  };
  const ask: Editor["ask"] = (method, params) => pick(editors).ask(method, params);
  const insist: Editor["insist"] = (method, params) => pick(editors).insist(method, params);
  const aMoment = (mostMs = 600) => pause(random() * mostMs);

  function finishing(key: string): [agent: string, prompt: string] {
    const kind = random();
    if (kind < 0.5) return [pick(["model", "model-on"]), script(key, ...pick(modelScenes)(key))];
    if (kind < 0.8) return [pick(["acp", "acp-on"]), JSON.stringify(pick(acpScenes))];
    if (kind < 0.9) return ["claude-nested", key];
    return ["claude-talk", `${pick(["ask", "end", "withdraw"])} ${key}`];
  }

  function noteRun(session: Session): void {
    if ("runId" in session) ledger.runs.add(session.runId);
  }

  /** With a key, and asked again until it is answered: the same key is the same session. */
  async function spawn(work: (key: string) => [agent: string, prompt: string]) {
    const requestKey = `key ${(spawns += 1)}`;
    const [agent, prompt] = work(requestKey);
    const params = { agent, prompt, cwd, requestKey, title: requestKey };
    const { session } = await insist("session/spawn", params);
    noteRun(session);
    ledger.spawned.set(requestKey, session.id);
    return { id: session.id, agent, key: requestKey };
  }

  /** Resolves when it has ended; what is paused is resumed. */
  async function settled(sessionId: string): Promise<void> {
    unsettled.add(sessionId);
    for (;;) {
      const params = { sessionIds: [sessionId], timeoutMs: 500 };
      if ((await insist("session/wait", params)).completions.length > 0) break;
      const { session } = await insist("session/get", { sessionId });
      if (session.status === "paused") await ask("session/resume", { sessionId });
    }
    unsettled.delete(sessionId);
  }

  async function cancelLasting(): Promise<void> {
    const [agent, prompt] = pick(lastingScenes);
    const { id: sessionId } = await spawn((key) => [agent, prompt(key)]);
    await aMoment(1_500);
    if (random() < 0.3) await ask("session/send", { sessionId, text: "hold on", interrupt: true });
    if (random() < 0.3) await ask("session/pause", { sessionId });
    await insist("session/cancel", { sessionId });
    await settled(sessionId);
    // A kill of the core may have come between a send and its answer: what it queued runs still.
    await insist("session/cancel", { sessionId });
    await settled(sessionId);
  }

  /** One attempt each: these have no key, so after a fault nobody can say whether they happened. */
  async function disturb(): Promise<void> {
    const { id: sessionId, agent, key } = await spawn(finishing);
    await aMoment();
    const kind = random();
    if (kind < 0.35) await ask("session/pause", { sessionId });
    else if (kind < 0.7) {
      const text = moreFor(agent, key);
      await ask("session/send", { sessionId, text, interrupt: random() < 0.5 });
    } else if (kind < 0.85) await ask("session/cancel", { sessionId });
    else {
      ledger.deleting.add(sessionId);
      const reply = await ask("session/delete", { sessionId });
      if ("result" in reply) ledger.deleted.add(sessionId);
      // The deletion may have been cut short, and then it never happened.
      await insist("session/list", { limit: 1 });
      const known = await ask("session/get", { sessionId });
      if ("error" in known) return;
    }
    await settled(sessionId).catch((error: unknown) => {
      if (!ledger.deleting.has(sessionId)) throw error;
      unsettled.delete(sessionId);
    });
  }

  async function piece(): Promise<void> {
    const kind = random();
    if (kind < 0.45) await settled((await spawn(finishing)).id);
    else if (kind < 0.65) await cancelLasting();
    else await disturb();
  }

  return {
    unsettled,
    async round(pieces) {
      await Promise.all(Array.from({ length: pieces }, piece));
    },
    answerApprovals() {
      let isStopped = false;
      const answering = (async () => {
        while (!isStopped) {
          await pause(30);
          const listed = await ask("approval/list", {});
          if ("error" in listed) continue;
          const chosen = listed.result.approvals.filter(() => random() < 0.3);
          await Promise.all(
            chosen.flatMap(({ id: approvalId }) => {
              const decision = pick(["allowOnce", "allowOnce", "denyOnce"] as const);
              const answer = () => ask("approval/respond", { approvalId, decision });
              return random() < 0.3 ? [answer(), answer()] : [answer()];
            }),
          );
        }
      })();
      return {
        async stop() {
          isStopped = true;
          await answering;
        },
      };
    },
  };
}
