/** Answers an agent's requests to its client: permissions, files, terminals. */
import { createConfinement } from "../../base/confinement.ts";
import { ownMethods } from "../../agent/contract/ownMethods.ts";
import type { Log } from "../../base/log.ts";
import { listIn, objectIn, type Json } from "../formats/json.ts";
import type { Processes } from "../../processes/processes.ts";
import type { ApprovalQuestion, RunContext } from "../runner.ts";
import { createFiles } from "./files.ts";
import { AcpError, errorCodes, toClient } from "./names.ts";
import { commandOf, optionFor, questionOf } from "./questions.ts";
import { createTerminals } from "./terminals.ts";
import type { ToolCallFacts } from "./toolCalls.ts";
import type { Updates } from "./updates.ts";

export type ClientSide = Awaited<ReturnType<typeof createClientSide>>;

interface Parts {
  context: RunContext;
  processes: Processes;
  log: Log;
  /** Called with output of a terminal, for the tool call that shows the terminal. */
  terminalOutput: (terminalId: string, text: string) => void;
}

/** The tool call of a question, without texts, which explain it and are not the tool's output. */
function askedCall(params: Json): Json {
  const { content, ...call } = objectIn(params, "toolCall");
  const changes = listIn({ content }, "content").filter(({ type }) => type === "diff");
  return changes.length === 0 ? call : { ...call, content: changes };
}

/** The most changes and commands that were allowed and not done yet. */
const maxAllowed = 1000;

export async function createClientSide(parts: Parts) {
  const { context } = parts;
  const confinement = await createConfinement(context.cwd, context.runDir);
  /**
   * Changes and commands that were allowed as part of a tool call and need no second permission.
   */
  const allowed: string[] = [];
  const takeAllowed = (what: string) => {
    const index = allowed.indexOf(what);
    if (index >= 0) allowed.splice(index, 1);
    return index >= 0;
  };
  const changeKey = (path: string, newText: string) => JSON.stringify(["change", path, newText]);
  const commandKey = (line: string) => JSON.stringify(["command", line]);

  const ask = (question: ApprovalQuestion) => context.ask(question);
  const files = createFiles({
    confinement,
    ask,
    isAllowed: (path, newText) => takeAllowed(changeKey(path, newText)),
  });
  const terminals = createTerminals({
    ...parts,
    confinement,
    ask,
    isAllowed: (line) => takeAllowed(commandKey(line)),
    told: parts.terminalOutput,
  });

  async function remember({ changes, input }: ToolCallFacts): Promise<void> {
    const line = commandOf(input);
    if (line !== undefined) allowed.push(commandKey(line));
    for (const { path, newText } of changes) {
      const place = await confinement.inside(path).catch(() => undefined);
      if (place !== undefined) allowed.push(changeKey(place, newText));
    }
    allowed.splice(0, allowed.length - maxAllowed);
  }

  async function permission(updates: Updates, params: Json): Promise<object> {
    const { narration, toolCalls } = updates;
    const call = toolCalls.upsert(askedCall(params));
    if (call === undefined) {
      throw new AcpError(errorCodes.invalidParams, "The tool call has no toolCallId.");
    }
    toolCalls.start(call.id);
    const question = questionOf(call, (path) => confinement.shown(path));
    const facts = { ...call };
    const { decision, input, message } = await ask(question);
    if (decision === "expired") return { outcome: { outcome: "cancelled" } };
    // Only Offshoot's own agent can use another input; for other agents a changed input means a
    // denial.
    const isOwn = parts.context.profile.runner.kind === "model";
    const isChanged = input !== undefined && !isOwn;
    const effective = isChanged ? "denyOnce" : decision;
    const isAllowed = effective === "allowOnce" || effective === "allowAlways";
    if (isChanged) {
      const text = `${question.title}: it was allowed with another input, which this agent cannot take; so it was denied.`;
      narration.run.emit({ type: "note", level: "warning", text });
    }
    if (isAllowed) await remember(facts);
    else updates.denied(call.id);
    const option = optionFor(listIn(params, "options"), effective);
    if (option === undefined) return { outcome: { outcome: "cancelled" } };
    if (effective === "allowOnce" && option.kind === "allow_always") {
      const text = `${question.title}: the agent can only be allowed this for good; it may not ask again.`;
      narration.run.emit({ type: "note", level: "warning", text });
    }
    const more = {
      ...(input !== undefined && isOwn && { input }),
      ...(message !== undefined && { message }),
    };
    return {
      outcome: { outcome: "selected", optionId: option.optionId },
      ...(Object.keys(more).length > 0 && { _meta: { offshoot: more } }),
    };
  }

  return {
    /**
     * Answers a request of the agent. `updates` belong to the session that the request was made in.
     */
    async answer(updates: Updates, method: string, params: Json): Promise<object> {
      switch (method) {
        case toClient.requestPermission:
          return permission(updates, params);
        case toClient.readTextFile:
          return files.read(params);
        case toClient.writeTextFile:
          return files.write(params);
        case toClient.createTerminal:
          return terminals.create(params);
        case toClient.terminalOutput:
          return terminals.output(params);
        case toClient.waitForTerminalExit:
          return terminals.waitForExit(params);
        case toClient.killTerminal:
          return terminals.kill(params);
        case toClient.releaseTerminal:
          return terminals.release(params);
        case ownMethods.beginTurn:
          return { granted: context.beginTurn() };
        default:
          throw new AcpError(errorCodes.methodNotFound, `Method not found: ${method}`);
      }
    },
    close: () => terminals.close(),
  };
}
