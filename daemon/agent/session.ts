/** One session of the agent: its conversation, its tools, and the running prompt. */
import { stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { RequestError } from "@agentclientprotocol/sdk";
import type { PromptRequest, PromptResponse } from "@agentclientprotocol/sdk";
import type { ModelMessage } from "ai";
import { messageOf } from "../base/errors.ts";
import { untilAborted } from "../base/until.ts";
import { createCommands } from "./commands.ts";
import type { Commands } from "./commands.ts";
import { createConfinement } from "../base/confinement.ts";
import type { Confinement } from "../base/confinement.ts";
import { addPrompt, textOfPrompt } from "./conversation.ts";
import { instructionsFor } from "./instructions.ts";
import { runPrompt } from "./loop.ts";
import type { PromptEnd } from "./loop.ts";
import type { McpLease } from "./mcp.ts";
import { PromptMeta } from "./contract/meta.ts";
import { readMeta } from "./readMeta.ts";
import type { SessionMeta } from "./contract/meta.ts";
import { createModel } from "./model/createModel.ts";
import type { AskEditor } from "./model/editorModel.ts";
import type { Model } from "./model/model.ts";
import type { Mode, Rule } from "./permissions.ts";
import type { Redaction } from "../base/redaction.ts";
import type { Processes } from "../processes/processes.ts";
import { toRequestError } from "./requestErrors.ts";
import { TypedError } from "./contract/runErrors.ts";
import type { SessionFile } from "./sessionFile.ts";
import { builtInTools } from "./tools/builtInTools.ts";
import { findSkills } from "./tools/planTools.ts";
import type { Tool } from "./tools/tool.ts";
import type { SessionClient } from "./updates.ts";
import { createUsageCount } from "./usage.ts";
import type { UsageCount } from "./usage.ts";

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
  processes: Processes;
  environment: NodeJS.ProcessEnv;
}

interface RunningPrompt {
  cancel: AbortController;
  injected: string[];
  /** Whether the prompt ends before its next turn. */
  isPausing: boolean;
  done: Promise<unknown>;
}

const defaultMaxTurns = 200;

export class AgentSession {
  readonly #parts: SessionParts;
  readonly #commands: Commands;
  readonly #mcp: McpLease;
  readonly #usage: UsageCount;
  readonly #tools: Parameters<typeof builtInTools>[0];
  /** The client's rules, then those that answers added. */
  readonly #rules: Rule[];
  #mode: Mode;
  #running: RunningPrompt | undefined;
  #isSaved = true;

  private constructor(parts: SessionParts, confinement: Confinement) {
    const { meta, client, redaction } = parts;
    this.#parts = parts;
    this.#mcp = parts.acquireMcp();
    const environment = meta.environment ?? redaction.environmentWithoutKeys();
    this.#commands = createCommands(environment, parts.processes);
    this.#usage = createUsageCount(client);
    this.#tools = {
      confinement,
      commands: this.#commands,
      environment: parts.environment,
      allowLocalFetch: meta.allowLocalFetch ?? false,
      showPlan: (entries) => client.update({ sessionUpdate: "plan", entries }),
    };
    this.#rules = [...(meta.permissions?.rules ?? [])];
    this.#mode = meta.permissions?.mode ?? "ask";
  }

  /** Rejects with a RequestError where the folder does not exist. */
  static async open(parts: SessionParts): Promise<AgentSession> {
    const facts = await stat(parts.cwd).catch(() => undefined);
    if (!facts?.isDirectory()) {
      const data = { code: "cwd_not_found", retryable: false };
      throw RequestError.invalidParams(data, `the folder ${parts.cwd} does not exist`);
    }
    return new AgentSession(parts, await createConfinement(parts.cwd, parts.scratchDir));
  }

  get mode(): Mode {
    return this.#mode;
  }

  setMode(mode: Mode): void {
    this.#mode = mode;
  }

  /**
   * Answers a prompt, or a message or a pause for the running prompt. Rejects with a RequestError.
   */
  async answer(params: PromptRequest): Promise<PromptResponse> {
    const { inject, pause } = readMeta(PromptMeta, params._meta);
    const text = textOfPrompt(params.prompt);
    const running = this.#running;
    if (pause === true) {
      if (running !== undefined) running.isPausing = true;
      return answered({ pausing: running !== undefined });
    }
    if (inject === true) {
      const injected = running !== undefined && !running.cancel.signal.aborted;
      if (injected) running.injected.push(text);
      return answered({ injected });
    }
    if (running === undefined) return await this.#prompt(text);
    const data = { code: "invalid_request", retryable: false };
    throw RequestError.invalidRequest(data, "a prompt of this session is running");
  }

  /** Ends the running prompt, with `cancelled` as its answer. */
  cancel(): void {
    this.#running?.cancel.abort(new DOMException("cancelled", "AbortError"));
  }

  /** Cancels the running prompt and ends every process of the session. */
  async close(): Promise<void> {
    this.cancel();
    await this.#running?.done;
    await Promise.all([this.#commands.close(), this.#mcp.release()]);
  }

  async #prompt(text: string): Promise<PromptResponse> {
    const { meta, redaction } = this.#parts;
    const cancel = new AbortController();
    const injected: string[] = [];
    const bounds = totalTime(meta.limits?.timeoutMs);
    const running: RunningPrompt = {
      cancel,
      injected,
      isPausing: false,
      done: Promise.resolve(),
    };
    const work = this.#work(text, running, AbortSignal.any([cancel.signal, bounds.signal]));
    running.done = work.catch(() => undefined);
    this.#running = running;
    let end: PromptEnd;
    const unread = () => (injected.length === 0 ? {} : { unread: [...injected] });
    try {
      end = await work;
    } catch (error) {
      if (!cancel.signal.aborted) {
        const failure = bounds.signal.aborted ? bounds.signal.reason : cleaned(error, redaction);
        throw toRequestError(failure, { usage: this.#usage.takePrompt(), ...unread() });
      }
      end = { stopReason: "cancelled" };
    } finally {
      bounds.end();
      this.#running = undefined;
    }
    const { stopReason, code, paused } = end;
    const why = { ...(code && { code }), ...(paused && { paused }) };
    const more = { usage: this.#usage.takePrompt(), ...unread(), ...why };
    return { stopReason, _meta: { offshoot: more } };
  }

  async #work(text: string, running: RunningPrompt, signal: AbortSignal): Promise<PromptEnd> {
    const { cwd, meta, messages, client, redaction, scratchDir } = this.#parts;
    // An empty prompt continues the conversation unchanged, as after a pause.
    if (text !== "") addPrompt(text, messages);
    await this.#save();
    const model = this.#model();
    // A server that does not start must not delay a cancel.
    const tools = await untilAborted(this.#collectTools(), signal);
    if (tools === undefined) throw signal.reason;
    const mode = this.#mode;
    const { prompt, instructions: project } = meta;
    const { platform } = process;
    const toolNames = [...tools.keys()];
    return await runPrompt({
      model,
      instructions: instructionsFor({ cwd, platform, toolNames, mode, prompt, project }),
      messages,
      world: {
        ...{ tools, client, redaction, scratchDir },
        mode: () => this.#mode,
        rules: this.#rules,
      },
      maxTurns: meta.limits?.maxTurns ?? defaultMaxTurns,
      maxTokens: meta.limits?.maxTokens ?? Infinity,
      usage: this.#usage,
      signal,
      shallPause: () => running.isPausing,
      takeInjected: () => running.injected.splice(0),
      save: () => this.#save(),
    });
  }

  /** Where the client grants turns, each begins with its answer. */
  #model(): Model {
    const model = createModel({ ...this.#parts, name: this.#parts.modelName });
    const { meta, client } = this.#parts;
    if (meta.grantsTurns !== true) return model;
    return {
      ...model,
      async turn(request) {
        await client.beginTurn(request.signal);
        return await model.turn(request);
      },
    };
  }

  async #collectTools(): Promise<Map<string, Tool>> {
    const { cwd, meta, client } = this.#parts;
    const skillFolders = [cwd, homedir()].flatMap((folder) =>
      [".agents/skills", ".claude/skills"].map((path) => join(folder, path)),
    );
    const found = meta.skills ?? findSkills(skillFolders);
    const [skills, remote] = await Promise.all([found, this.#mcp.tools()]);
    for (const fault of remote.faults) client.notice("warning", fault);
    const all = [...builtInTools(this.#tools, skills), ...remote.tools];
    return new Map(all.filter(isWanted(meta.tools)).map((tool) => [tool.name, tool]));
  }

  async #save(): Promise<void> {
    const { cwd, messages, modelName: model, redaction, file, client } = this.#parts;
    try {
      await file.save(redaction.redactValue({ model, cwd, messages }));
      this.#isSaved = true;
    } catch (error) {
      // A full disk does not end the prompt; the next turn saves again.
      if (this.#isSaved) client.notice("warning", `${notSaved}: ${messageOf(error)}`);
      this.#isSaved = false;
    }
  }
}

function answered(facts: object): PromptResponse {
  return { stopReason: "end_turn", _meta: { offshoot: facts } };
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
