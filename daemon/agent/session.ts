/** One session of the agent: its conversation, its tools, and the running prompt. */
import { messageOf } from "../base/errors.ts";
import { stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { RequestError } from "@agentclientprotocol/sdk";
import type { PromptResponse } from "@agentclientprotocol/sdk";
import type { ModelMessage } from "ai";
import type { CallWorld } from "./calls.ts";
import { createCommands } from "./commands.ts";
import { createConfinement } from "../base/confinement.ts";
import { addPrompt } from "./conversation.ts";
import { instructionsFor } from "./instructions.ts";
import { runPrompt } from "./loop.ts";
import type { PromptEnd } from "./loop.ts";
import type { McpLease } from "./mcp.ts";
import type { SessionMeta } from "./contract/meta.ts";
import { createModel } from "./model/createModel.ts";
import type { AskEditor } from "./model/editorModel.ts";
import type { Model } from "./model/model.ts";
import type { Mode } from "./permissions.ts";
import type { Redaction } from "../base/redaction.ts";
import { toRequestError } from "./requestErrors.ts";
import { TypedError } from "./contract/runErrors.ts";
import type { SessionFile } from "./sessionFile.ts";
import { builtInTools } from "./tools/builtInTools.ts";
import { findSkills } from "./tools/planTools.ts";
import type { Tool } from "./tools/tool.ts";
import type { SessionClient } from "./updates.ts";
import { createUsageCount } from "./usage.ts";

export interface AgentSession {
  mode(): Mode;
  setMode(mode: Mode): void;
  /** Works on a prompt, one at a time. Rejects with a RequestError. */
  prompt(text: string): Promise<PromptResponse>;
  /** Gives a message to the running prompt; false where none runs. */
  inject(text: string): boolean;
  /**
   * Ends the running prompt before its next turn, with `paused` in its answer; false where none
   * runs.
   */
  pause(): boolean;
  /** Ends the running prompt, with `cancelled` as its answer. */
  cancel(): void;
  /** Cancels the running prompt and ends every process of the session. */
  close(): Promise<void>;
}

export interface SessionParts {
  cwd: string;
  meta: SessionMeta;
  /** Empty where no model is chosen: then prompts are refused. */
  modelName: string;
  messages: ModelMessage[];
  scratchDir: string;
  file: SessionFile;
  client: SessionClient;
  acquireMcp: () => McpLease;
  askEditor: AskEditor;
  redaction: Redaction;
  environment: NodeJS.ProcessEnv;
  now: () => number;
}

interface RunningPrompt {
  cancel: AbortController;
  injected: string[];
  /** Whether the prompt ends before its next turn. */
  isPausing: boolean;
  done: Promise<unknown>;
}

const defaultMaxTurns = 200;

export async function createAgentSession(parts: SessionParts): Promise<AgentSession> {
  const { cwd, meta, messages, client, redaction } = parts;
  const facts = await stat(cwd).catch(() => undefined);
  if (!facts?.isDirectory()) {
    const data = { code: "cwd_not_found", retryable: false };
    throw RequestError.invalidParams(data, `the folder ${cwd} does not exist`);
  }
  const confinement = await createConfinement(cwd, parts.scratchDir);
  const mcp = parts.acquireMcp();
  const commands = createCommands(meta.environment ?? redaction.environmentWithoutKeys());
  const usage = createUsageCount(client);
  const rules = [...(meta.permissions?.rules ?? [])];
  const skillFolders = [cwd, homedir()].flatMap((folder) =>
    [".agents/skills", ".claude/skills"].map((path) => join(folder, path)),
  );
  const toolWorld = {
    confinement,
    commands,
    environment: parts.environment,
    allowLocalFetch: meta.allowLocalFetch ?? false,
    showPlan: (entries) => client.update({ sessionUpdate: "plan", entries }),
  } satisfies Parameters<typeof builtInTools>[0];
  let mode: Mode = meta.permissions?.mode ?? "ask";
  let running: RunningPrompt | undefined;
  let isSaved = true;

  const collectTools = async () => {
    const found = meta.skills ?? findSkills(skillFolders);
    const [skills, remote] = await Promise.all([found, mcp.tools()]);
    for (const fault of remote.faults) client.notice("warning", fault);
    const all = [...builtInTools(toolWorld, skills), ...remote.tools];
    return new Map(all.filter(isWanted(meta.tools)).map((tool) => [tool.name, tool]));
  };

  const work = async (text: string, mine: RunningPrompt, signal: AbortSignal) => {
    const save = async () => {
      const { modelName: model } = parts;
      const saved = parts.file.save(redaction.redactValue({ model, cwd, messages }));
      isSaved = await saved.then(
        () => true,
        (error: unknown) => {
          // A full disk does not end the prompt; the next turn saves again.
          if (isSaved) client.notice("warning", `${notSaved}: ${messageOf(error)}`);
          return false;
        },
      );
    };
    // An empty prompt continues the conversation unchanged, as after a pause.
    if (text !== "") addPrompt(text, messages);
    await save();
    const model = createModel({ ...parts, name: parts.modelName });
    const granted: Model = {
      ...model,
      async turn(request) {
        await client.beginTurn(request.signal);
        return await model.turn(request);
      },
    };
    const world: CallWorld = {
      tools: await unlessAborted(collectTools(), signal),
      mode: () => mode,
      rules,
      client,
      redaction,
      scratchDir: parts.scratchDir,
    };
    const toolNames = [...world.tools.keys()];
    const { prompt, instructions: project } = meta;
    const { platform } = process;
    return await runPrompt({
      model: meta.grantsTurns === true ? granted : model,
      instructions: instructionsFor({ cwd, platform, toolNames, mode, prompt, project }),
      messages,
      world,
      maxTurns: meta.limits?.maxTurns ?? defaultMaxTurns,
      maxTokens: meta.limits?.maxTokens ?? Infinity,
      usage,
      signal,
      shallPause: () => mine.isPausing,
      takeInjected: () => mine.injected.splice(0),
      save,
    });
  };

  return {
    mode: () => mode,
    setMode(wanted) {
      mode = wanted;
    },
    async prompt(text) {
      if (running !== undefined) {
        const data = { code: "invalid_request", retryable: false };
        throw RequestError.invalidRequest(data, "a prompt of this session is running");
      }
      const cancel = new AbortController();
      const injected: string[] = [];
      const mine: RunningPrompt = { cancel, injected, isPausing: false, done: Promise.resolve() };
      const bounds = totalTime(meta.limits?.timeoutMs);
      const signal = AbortSignal.any([cancel.signal, bounds.signal]);
      const run = work(text, mine, signal);
      mine.done = run.catch(() => undefined);
      running = mine;
      let end: PromptEnd;
      const unread = () => (injected.length === 0 ? {} : { unread: [...injected] });
      try {
        end = await run;
      } catch (error) {
        if (!cancel.signal.aborted) {
          const failure = bounds.signal.aborted ? bounds.signal.reason : cleaned(error, redaction);
          throw toRequestError(failure, { usage: usage.takePrompt(), ...unread() });
        }
        end = { stopReason: "cancelled" };
      } finally {
        bounds.end();
        running = undefined;
      }
      const { stopReason, code, paused } = end;
      const why = { ...(code && { code }), ...(paused && { paused }) };
      const more = { usage: usage.takePrompt(), ...unread(), ...why };
      return { stopReason, _meta: { offshoot: more } };
    },
    inject(text) {
      if (running === undefined || running.cancel.signal.aborted) return false;
      running.injected.push(text);
      return true;
    },
    pause() {
      if (running === undefined) return false;
      running.isPausing = true;
      return true;
    },
    cancel: () => running?.cancel.abort(new DOMException("cancelled", "AbortError")),
    async close() {
      running?.cancel.abort(new DOMException("closed", "AbortError"));
      await running?.done;
      await Promise.all([commands.close(), mcp.release()]);
    },
  };
}

const notSaved =
  "The conversation cannot be written to disk, so after a crash its latest part would be missing";

/** A name is exact or ends with `*`. Without a list every tool is wanted. */
function isWanted(names: readonly string[] | undefined): (tool: Tool) => boolean {
  if (names === undefined) return () => true;
  return ({ name }) =>
    names.some((wanted) =>
      wanted.endsWith("*") ? name.startsWith(wanted.slice(0, -1)) : name === wanted,
    );
}

/** A server that does not start must not delay a cancel. */
async function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function totalTime(timeoutMs: number | undefined) {
  const controller = new AbortController();
  if (timeoutMs === undefined) return { signal: controller.signal, end: () => undefined };
  const timer = setTimeout(() => {
    controller.abort(new TypedError("aborted", `the prompt took longer than ${timeoutMs} ms`));
  }, timeoutMs);
  return { signal: controller.signal, end: () => clearTimeout(timer) };
}

function cleaned(error: unknown, redaction: Redaction): TypedError {
  const message = redaction.redact(messageOf(error));
  if (!(error instanceof TypedError)) return new TypedError("internal", message);
  return new TypedError(error.code, message, error.retryAfterMs);
}
