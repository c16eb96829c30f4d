/**
 * The provider "rehearsal" is a planner with fixed plans that does useful work with the real tools.
 * It is no language model, needs no key and no network, and shows all that an agent does.
 */
import type { ModelMessage } from "ai";
import { turnOf } from "../model/model.ts";
import type { Model, ToolCall, TurnRequest } from "../model/model.ts";
import { textOfOutput } from "../conversation.ts";
import type { Plan, PlanStep, Reply } from "./plan.ts";
import { choosePlan } from "./plans.ts";

export function createRehearsal(): Model {
  let current: Plan | undefined;
  let answered = 0;
  let lastId = 0;

  /** Continues the plan, or begins the plan of the next message; undefined without either. */
  const advance = (request: TurnRequest): PlanStep | string | undefined => {
    const replies = current === undefined ? [] : lastReplies(request);
    if (current === undefined) {
      const users = request.messages.filter(({ role }) => role === "user");
      // Earlier prompts of the conversation were answered before.
      answered = answered === 0 ? users.length - 1 : answered;
      const next = users[answered];
      if (next === undefined) return undefined;
      answered += 1;
      const names = new Set(request.tools.map(({ name }) => name));
      current = choosePlan(textOf(next), { has: (tool) => names.has(tool) });
    }
    const result = current.next(replies);
    if (result.done) current = undefined;
    return result.value;
  };

  return {
    name: "rehearsal/planner",
    contextWindow: Infinity,
    turn: async (request) => {
      const texts: string[] = [];
      const calls: ToolCall[] = [];
      for (;;) {
        const step = advance(request);
        if (step === undefined) break;
        texts.push(typeof step === "string" ? step : step.say);
        if (typeof step === "string") continue;
        for (const call of step.calls) calls.push({ id: `step-${(lastId += 1)}`, ...call });
        break;
      }
      const text = texts.filter((one) => one !== "").join("\n\n");
      request.sayText(text === "" || calls.length === 0 ? text : `${text}\n\n`);
      return turnOf(text, calls);
    },
  };
}

function lastReplies({ messages, lastData }: TurnRequest): Reply[] {
  const last = messages.findLast(({ role }) => role === "tool");
  if (last?.role !== "tool") return [];
  return last.content.flatMap((part, index) => {
    if (part.type !== "tool-result") return [];
    const { type } = part.output;
    const text = textOfOutput(part.output);
    return [{ text, failed: type !== "text", data: lastData[index] }];
  });
}

function textOf({ content }: ModelMessage): string {
  if (typeof content === "string") return content;
  return content.map((part) => (part.type === "text" ? part.text : "")).join("\n");
}
