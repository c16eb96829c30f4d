/** The questions before a spawn: which agent, what it should do, within which limits. */
import {
  env,
  QuickInputButtons,
  QuickPickItemKind,
  ThemeIcon,
  window,
  type QuickPickItem,
} from "vscode";
import type { AgentInfo } from "../../protocol/daemon.ts";
import type { Limits } from "../../protocol/session.ts";
import { joined, oneLine } from "../base/text.ts";
import { showInputBox } from "../editor/inputBox.ts";
import { limitsExample, parseLimits } from "./limitsText.ts";
import { needsModel, type ModelChoices } from "./modelQuestion.ts";
import { aboutText, type SpawnAbout } from "./spawnPrompt.ts";

export interface SpawnQuestions {
  agents: readonly AgentInfo[];
  faults: readonly string[];
  about: SpawnAbout;
  parentTitle?: string;
  lastAgent: string | undefined;
  /** Earlier prompts, the newest first. */
  earlier: readonly string[];
  models: () => Promise<ModelChoices>;
}

interface AgentItem extends QuickPickItem {
  agent?: AgentInfo;
  fault?: string;
}

/** Resolves with a usable agent, which may still need a model; undefined where the person gives up. */
export async function askForAgent(questions: SpawnQuestions): Promise<AgentInfo | undefined> {
  for (;;) {
    const picked = await window.showQuickPick(agentItems(questions), {
      title: titleOf(questions, "which agent?"),
      placeHolder: "Choose an agent",
      matchOnDescription: true,
      matchOnDetail: true,
    });
    if (picked === undefined) return undefined;
    if (picked.agent !== undefined && isUsable(picked.agent)) return picked.agent;
    await explain(picked);
  }
}

function agentItems({ agents, faults, lastAgent }: SpawnQuestions): AgentItem[] {
  const usable = agents
    .filter(isUsable)
    .toSorted((a, b) => Number(b.name === lastAgent) - Number(a.name === lastAgent));
  const others = agents.filter((agent) => !isUsable(agent));
  return [
    ...usable.map((agent) => ({
      label: agent.name,
      description: [
        needsModel(agent) ? "asks which model" : (agent.model ?? agent.runner),
        agent.source,
      ].join(" · "),
      detail: agent.description,
      agent,
    })),
    ...separator(others.length > 0 ? "not available here" : ""),
    ...others.map((agent) => ({
      label: `$(circle-slash) ${agent.name}`,
      description: agent.source,
      detail: agent.reason ?? agent.description,
      agent,
    })),
    ...separator(faults.length > 0 ? "wrong in the configuration" : ""),
    ...faults.map((fault) => ({ label: `$(warning) ${oneLine(fault, 200)}`, fault })),
  ];
}

function isUsable(agent: AgentInfo): boolean {
  return agent.available || needsModel(agent);
}

function separator(label: string): AgentItem[] {
  return label === "" ? [] : [{ label, kind: QuickPickItemKind.Separator }];
}

/** Shows why an agent cannot be used; a command that would help can be copied. */
async function explain({ agent, fault }: AgentItem): Promise<void> {
  const why = fault ?? agent?.reason ?? "";
  const message = fault ?? `${agent?.name ?? ""} cannot be used here: ${why}`;
  const [, command] = /`([^`]+)`/.exec(why) ?? [];
  const copy = command === undefined ? "Copy" : "Copy the Command";
  if ((await window.showInformationMessage(message, { modal: true }, copy)) === copy) {
    await env.clipboard.writeText(command ?? why);
  }
}

/** Resolves with what was typed, `back` to choose another agent, or undefined to give up. */
export async function askForPrompt(
  questions: SpawnQuestions,
  agent: string,
): Promise<{ typed: string; limits: Limits } | "back" | undefined> {
  const asked = { typed: "", limits: "" };
  for (;;) {
    const next = await promptBox(questions, agent, asked);
    if (next === "limits") asked.limits = (await askForLimits(asked.limits)) ?? asked.limits;
    else if (next === "earlier") {
      const picked = await window.showQuickPick(questions.earlier, { title: "Earlier prompts" });
      asked.typed = picked ?? asked.typed;
    } else if (next !== "done") return next;
    else {
      const parsed = parseLimits(asked.limits);
      return { typed: asked.typed, limits: "limits" in parsed ? parsed.limits : {} };
    }
  }
}

/** Shows the box once and writes what was typed to `asked`. */
function promptBox(
  questions: SpawnQuestions,
  agent: string,
  asked: { typed: string; limits: string },
): Promise<"done" | "limits" | "earlier" | "back" | undefined> {
  const { about, earlier } = questions;
  const earlierButton = { iconPath: new ThemeIcon("history"), tooltip: "Earlier prompts" };
  const limitsButton = { iconPath: new ThemeIcon("dashboard"), tooltip: "Limits" };
  const asks = agent === "shell" ? "A shell command." : "What should it do?";
  const facts = [
    aboutText(about) && `about ${aboutText(about)}`,
    asked.limits && `at most ${asked.limits}`,
  ];
  return showInputBox((box, close) => {
    const leave = (next: "done" | "limits" | "earlier" | "back") => {
      asked.typed = box.value.trim();
      close(next);
    };
    box.title = titleOf(questions, agent);
    box.placeholder =
      about.kind === "selection" ? `${asks} Empty: the selection is the prompt.` : asks;
    box.prompt = joined(facts, ", ");
    box.value = asked.typed;
    box.ignoreFocusOut = true;
    box.buttons = [
      QuickInputButtons.Back,
      ...(earlier.length > 0 ? [earlierButton] : []),
      limitsButton,
    ];
    box.onDidAccept(() => {
      if (box.value.trim() !== "" || about.kind === "selection") leave("done");
      else box.validationMessage = "Say what it should do.";
    });
    box.onDidChangeValue(() => (box.validationMessage = undefined));
    box.onDidTriggerButton((button) => {
      if (button === limitsButton) leave("limits");
      else leave(button === earlierButton ? "earlier" : "back");
    });
  });
}

async function askForLimits(before: string): Promise<string | undefined> {
  return await window.showInputBox({
    title: "Limits for this sub-agent and all below it",
    placeHolder: limitsExample,
    value: before,
    validateInput(text) {
      const parsed = parseLimits(text);
      return "fault" in parsed ? parsed.fault : undefined;
    },
  });
}

export function titleOf({ parentTitle }: SpawnQuestions, what: string): string {
  const below = parentTitle === undefined ? "" : ` below “${oneLine(parentTitle, 40)}”`;
  return `Spawn a sub-agent${below}: ${what}`;
}
