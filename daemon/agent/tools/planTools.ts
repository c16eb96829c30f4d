/** The tools that concern only the agent itself: update_plan and skill. */
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import * as z from "zod";
import type { SessionMeta } from "../contract/meta.ts";
import { defineTool } from "./tool.ts";
import type { Tool, ToolWorld } from "./tool.ts";

export function updatePlanTool({ showPlan }: ToolWorld): Tool {
  return defineTool({
    name: "update_plan",
    description:
      "Shows people your plan: all its steps each time, with one of them in_progress. Use it for " +
      "work of several steps.",
    kind: "think",
    input: z.object({
      entries: z.array(
        z.object({
          content: z.string().min(1),
          status: z.enum(["pending", "in_progress", "completed"]),
          priority: z.enum(["high", "medium", "low"]).optional(),
        }),
      ),
    }),
    prepare: ({ entries }) => ({
      title: "Update the plan",
      act: async () => {
        showPlan(entries.map(({ priority = "medium", ...entry }) => ({ ...entry, priority })));
        return { text: "the plan is shown" };
      },
    }),
  });
}

export type Skill = NonNullable<SessionMeta["skills"]>[number];

/** The skills of all folders, the nearest of each name. Unreadable ones are left out. */
export async function findSkills(folders: readonly string[]): Promise<Skill[]> {
  const found = new Map<string, Skill>();
  for (const folder of folders) {
    // A missing folder counts as empty.
    const names: string[] = await readdir(folder).catch(() => []);
    for (const name of names.toSorted((one, other) => (one < other ? -1 : 1))) {
      const file = join(folder, name, "SKILL.md");
      const skill = await readSkill(file, name);
      if (skill !== undefined && !found.has(skill.name)) found.set(skill.name, skill);
    }
  }
  return [...found.values()];
}

const SkillHead = z.object({ name: z.string().optional(), description: z.string().optional() });

async function readSkill(file: string, folderName: string): Promise<Skill | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const head = /^---\r?\n([\s\S]*?)\r?\n---/.exec(text)?.[1] ?? "";
  try {
    const { name = folderName, description = "" } = SkillHead.parse(parse(head) ?? {});
    return { name, description, file };
  } catch {
    return undefined;
  }
}

/** Undefined where there are no skills, so that no model sees a useless tool. */
export function skillTool(skills: readonly Skill[]): Tool | undefined {
  if (skills.length === 0) return undefined;
  const list = skills.map(({ name, description }) => `${name}: ${description}`).join("\n");
  return defineTool({
    name: "skill",
    description: `Reads the instructions of a skill. Read them before work that one fits:\n${list}`,
    kind: "read",
    input: z.object({ name: z.string() }),
    prepare: ({ name }) => {
      const skill = skills.find((candidate) => candidate.name === name);
      if (skill === undefined) {
        const names = skills.map((candidate) => candidate.name).join(", ");
        throw new Error(`there is no skill "${name}"; there are: ${names}`);
      }
      return {
        title: `Skill ${name}`,
        subject: name,
        locations: [{ path: skill.file }],
        act: async () => ({ text: await readFile(skill.file, "utf8") }),
      };
    },
  });
}
