/** All tools that need no MCP server. */
import { commandTools } from "./commandTools.ts";
import { editTools } from "./editTools.ts";
import { fetchTool } from "./fetchTool.ts";
import { grepTool } from "./grepTool.ts";
import { skillTool, updatePlanTool } from "./planTools.ts";
import type { Skill } from "./planTools.ts";
import { readTools } from "./readTools.ts";
import type { Tool, ToolWorld } from "./tool.ts";

export function builtInTools(world: ToolWorld, skills: readonly Skill[]): Tool[] {
  const skill = skillTool(skills);
  return [
    ...readTools(world),
    grepTool(world),
    ...editTools(world),
    ...commandTools(world),
    fetchTool(world),
    updatePlanTool(world),
    ...(skill === undefined ? [] : [skill]),
  ];
}
