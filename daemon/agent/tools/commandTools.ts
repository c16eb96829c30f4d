/** The tools that run commands: run_command, command_output and command_stop. */
import { stat } from "node:fs/promises";
import * as z from "zod";
import type { BackgroundState, CommandEnd } from "../commands.ts";
import { defineTool } from "./tool.ts";
import type { Tool, ToolWorld } from "./tool.ts";

const defaultTimeoutMs = 120_000;
const longestTimeoutMs = 3_600_000;
const longestLookMs = 60_000;

export function commandTools(world: ToolWorld): Tool[] {
  return [runCommandTool(world), outputTool(world), stopTool(world)];
}

function runCommandTool({ commands, confinement }: ToolWorld): Tool {
  return defineTool({
    name: "run_command",
    description:
      "Runs a command line in the shell, in the working folder, and answers its output and exit " +
      "code. Its input is empty. With background it goes on by itself, and the answer is a handle " +
      "for command_output and command_stop; use that for servers and watchers.",
    kind: "execute",
    input: z.object({
      command: z.string().min(1),
      cwd: z.string().optional().describe("folder inside the working folder"),
      timeoutMs: z
        .number()
        .int()
        .positive()
        .max(longestTimeoutMs)
        .optional()
        .describe(`then all its processes are ended; ${defaultTimeoutMs}; not with background`),
      background: z.boolean().optional(),
    }),
    async prepare({ command, cwd = ".", timeoutMs = defaultTimeoutMs, background = false }) {
      const folder = await confinement.inside(cwd);
      const facts = await stat(folder).catch(() => undefined);
      if (!facts?.isDirectory()) throw new Error(`there is no folder ${cwd}`);
      return {
        title: command.length > 120 ? `${command.slice(0, 120)}…` : command,
        subject: command,
        async act({ signal, showOutput }) {
          const task = { command, cwd: folder, onOutput: showOutput };
          if (background) {
            const handle = commands.start({ ...task, onOutput: () => undefined });
            return { text: `started in the background with the handle ${handle}` };
          }
          const end = await commands.run({ ...task, timeoutMs, signal });
          return { text: describeEnd(end, timeoutMs), failed: end.exitCode !== 0 };
        },
      };
    },
  });
}

function describeEnd({ output, exitCode, signal, timedOut }: CommandEnd, timeoutMs: number) {
  const text = output === "" || output.endsWith("\n") ? output : `${output}\n`;
  if (timedOut) return `${text}[ended after ${timeoutMs} ms, its time-out, with all its processes]`;
  return signal === null ? `${text}[exit code ${exitCode}]` : `${text}[ended by ${signal}]`;
}

function outputTool({ commands }: ToolWorld): Tool {
  return defineTool({
    name: "command_output",
    description: "Answers what a background command put out since the last time, and its state.",
    kind: "read",
    input: z.object({
      handle: z.string(),
      waitMs: z
        .number()
        .int()
        .nonnegative()
        .max(longestLookMs)
        .optional()
        .describe("wait this long for its end first; default: 0"),
    }),
    prepare: ({ handle, waitMs = 0 }) => ({
      title: `Output of ${handle}`,
      act: async ({ signal }) => ({
        text: describeState(await commands.look(handle, waitMs, signal)),
      }),
    }),
  });
}

function stopTool({ commands }: ToolWorld): Tool {
  return defineTool({
    name: "command_stop",
    description: "Ends a background command with all its processes.",
    // No permission is needed: this ends only what the session was allowed to start.
    kind: "think",
    input: z.object({ handle: z.string() }),
    prepare: ({ handle }) => ({
      title: `Stop ${handle}`,
      act: async () => ({ text: describeState(await commands.stop(handle)) }),
    }),
  });
}

function describeState({ output, state }: BackgroundState): string {
  const text = output === "" || output.endsWith("\n") ? output : `${output}\n`;
  if (state === "running") return `${text}[still running]`;
  return state.signal === null
    ? `${text}[exit code ${state.exitCode}]`
    : `${text}[ended by ${state.signal}]`;
}
