/** Opens the agent's own session for a run: a new one, or the one that an earlier run had. */
import type { McpServer } from "../../../protocol/config.ts";
import type * as z from "zod";
import { isJson, listIn, objectIn, textIn, type Json } from "../formats/json.ts";
import type { RunContext } from "../runner.ts";
import type { AcpConnection } from "./connection.ts";
import { AcpError, errorCodes, remembered, toAgent } from "./names.ts";

interface OpenedSession {
  sessionId: string;
  /** Whether the agent's session is new and knows nothing of the conversation so far. */
  isNew: boolean;
}

interface Parts {
  connection: AcpConnection;
  context: RunContext;
  /** What Offshoot's own agent gets under `_meta.offshoot`. */
  sessionMeta: Json | undefined;
  /** Called with the session's id before anything else is read. */
  attach: (sessionId: string) => void;
  /** Called before and after the agent sends again what it sent in earlier runs. */
  replay: { begin(): void; end(): void };
  warn: (text: string) => void;
}

/** Rejects as `connection.request` does. */
export async function openSession(parts: Parts): Promise<OpenedSession> {
  const { connection, context, sessionMeta } = parts;
  const params = {
    cwd: context.cwd,
    mcpServers: mcpServersFor(parts),
    ...(sessionMeta && { _meta: { offshoot: sessionMeta } }),
  };
  const open = async () => (await continued(parts, params)) ?? (await fresh(parts, params));
  let opened: { session: OpenedSession; answer: Json };
  try {
    opened = await open();
  } catch (error) {
    if (!(error instanceof AcpError) || error.code !== errorCodes.authRequired) throw error;
    if (!(await signIn(connection, context))) throw error;
    opened = await open();
  }
  const { session, answer } = opened;
  context.remember(remembered.sessionId, session.sessionId);
  context.remember(remembered.agent, connection.facts.name);
  if (context.profile.runner.kind === "acp")
    await chooseModelAndMode(parts, session.sessionId, answer);
  return session;
}

async function fresh({ connection, attach }: Parts, params: object) {
  const takeId = (result: Json) => {
    const id = textIn(result, "sessionId");
    if (id !== undefined) attach(id);
  };
  const answer = await connection.request(toAgent.newSession, { ...params }, takeId);
  const sessionId = textIn(answer, "sessionId");
  if (sessionId === undefined) {
    throw new AcpError(errorCodes.invalidParams, "The agent gave its session no id.");
  }
  return { session: { sessionId, isNew: true }, answer };
}

/** Undefined where there is no earlier session, or the agent cannot continue it. */
async function continued(parts: Parts, params: object) {
  const { connection, context, attach, replay, warn } = parts;
  const { facts } = connection;
  const sessionId = context.remembered[remembered.sessionId];
  if (sessionId === undefined || context.remembered[remembered.agent] !== facts.name) {
    return undefined;
  }
  const sessions = objectIn(facts.capabilities, "sessionCapabilities");
  const canResume = isJson(sessions["resume"]);
  if (!canResume && facts.capabilities["loadSession"] !== true) {
    warn(`${facts.title} cannot continue its earlier session and does not know what was said.`);
    return undefined;
  }
  const method = canResume ? toAgent.resumeSession : toAgent.loadSession;
  attach(sessionId);
  replay.begin();
  try {
    const answer = await connection.request(method, { ...params, sessionId });
    return { session: { sessionId, isNew: false }, answer };
  } catch (error) {
    if (!(error instanceof AcpError) || error.code === errorCodes.authRequired) throw error;
    warn(
      `${facts.title} could not continue its earlier session (${error.message}); a new one begins.`,
    );
    return undefined;
  } finally {
    replay.end();
  }
}

/** Signs in only in a way that needs no person: by a key in the agent's environment. */
async function signIn({ facts, request }: AcpConnection, context: RunContext): Promise<boolean> {
  const own = context.profile.runner.kind === "acp" ? context.profile.runner.env : undefined;
  const environment: Record<string, string> = { ...context.environment, ...own };
  const method = facts.authMethods.find((one) => {
    const variables = listIn(one, "vars").map((variable) => textIn(variable, "name") ?? "");
    return (
      one["type"] === "env_var" &&
      variables.length > 0 &&
      variables.every((name) => (environment[name] ?? "") !== "")
    );
  });
  const methodId = method && textIn(method, "id");
  if (methodId === undefined) return false;
  await request(toAgent.authenticate, { methodId });
  return true;
}

function mcpServersFor({ connection, context, warn }: Parts): object[] {
  const { runner } = context.profile;
  const configured = "mcpServers" in runner ? Object.entries(runner.mcpServers ?? {}) : [];
  const own: [string, z.infer<typeof McpServer>] = ["offshoot", context.toolServer];
  const takesHttp = objectIn(connection.facts.capabilities, "mcpCapabilities")["http"] === true;
  return [...configured.filter(([name]) => name !== "offshoot"), own].flatMap(
    ([name, server]): object[] => {
      if ("command" in server) {
        const { command, args = [], env = {} } = server;
        return [{ name, command, args, env: pairs(env) }];
      }
      if (takesHttp)
        return [{ type: "http", name, url: server.url, headers: pairs(server.headers ?? {}) }];
      warn(
        `${connection.facts.title} takes no MCP servers over HTTP, so it goes without "${name}".`,
      );
      return [];
    },
  );
}

function pairs(record: Readonly<Record<string, string>>): { name: string; value: string }[] {
  return Object.entries(record).map(([name, value]) => ({ name, value }));
}

async function chooseModelAndMode(parts: Parts, sessionId: string, answer: Json): Promise<void> {
  const { context, warn } = parts;
  const { title } = parts.connection.facts;
  const wanted = context.profile.model;
  const model = choiceOf(answer, "model");
  if (wanted !== undefined) {
    const value = model?.values.find((one) => one === wanted || one === wanted.split("/").at(-1));
    if (value === undefined) {
      const known = model ? ` It knows: ${model.values.join(", ")}.` : "";
      warn(`${title} has no model ${wanted}, so it uses its own.${known}`);
    } else if (await choose(parts, sessionId, model, value)) {
      context.describe({ model: value });
    }
  } else if (model?.current !== undefined) {
    context.describe({ model: model.current });
  }
  const mode = choiceOf(answer, "mode");
  const isPlan = context.permissionMode === "plan";
  const names = isPlan ? ["plan", "read-only", "architect"] : ["read-only", "default"];
  const value = names
    .map((name) => mode?.values.find((one) => one.split("#").at(-1) === name))
    .find((one) => one !== undefined);
  if (value !== undefined) await choose(parts, sessionId, mode, value);
  else if (isPlan)
    warn(`${title} has no mode for planning: what it does unasked cannot be held back.`);
}

interface Choice {
  values: string[];
  current: string | undefined;
  request: (sessionId: string, value: string) => [method: string, params: object];
}

/**
 * Newer agents have options in categories; older ones have a list of models and a list of modes.
 */
function choiceOf(answer: Json, category: "model" | "mode"): Choice | undefined {
  const option = listIn(answer, "configOptions").find((one) => one["category"] === category);
  const configId = option && textIn(option, "id");
  if (option && configId !== undefined) {
    const values = listIn(option, "options").flatMap((one) =>
      isJson(one) && Array.isArray(one["options"]) ? listIn(one, "options") : [one],
    );
    return {
      values: values.flatMap((one) => textIn(one, "value") ?? []),
      current: textIn(option, "currentValue"),
      request: (sessionId, value) => [toAgent.setConfigOption, { sessionId, configId, value }],
    };
  }
  const isModel = category === "model";
  const state = objectIn(answer, isModel ? "models" : "modes");
  const list = listIn(state, isModel ? "availableModels" : "availableModes");
  if (list.length === 0) return undefined;
  return {
    values: list.flatMap((one) => textIn(one, isModel ? "modelId" : "id") ?? []),
    current: textIn(state, isModel ? "currentModelId" : "currentModeId"),
    request: (sessionId, value) =>
      isModel
        ? [toAgent.setModel, { sessionId, modelId: value }]
        : [toAgent.setMode, { sessionId, modeId: value }],
  };
}

async function choose(
  { connection, warn }: Parts,
  sessionId: string,
  choice: Choice | undefined,
  value: string,
): Promise<boolean> {
  if (choice === undefined || choice.current === value) return choice !== undefined;
  try {
    await connection.request(...choice.request(sessionId, value));
    return true;
  } catch (error) {
    if (!(error instanceof AcpError)) throw error;
    warn(`${connection.facts.title} could not be set to ${value}: ${error.message}`);
    return false;
  }
}
