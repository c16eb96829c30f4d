/** Registers the sub-agents as tools of the editor's chat, which asks the person before it acts. */
import {
  LanguageModelTextPart,
  LanguageModelToolResult,
  lm,
  MarkdownString,
  workspace,
} from "vscode";
import type { Services } from "../editor/services.ts";
import type { Confirmation, SubAgentTool } from "./subAgentTool.ts";

/** The names in package.json. */
const toolNames = [
  "offshoot_spawn",
  "offshoot_wait",
  "offshoot_list",
  "offshoot_cancel",
  "offshoot_send",
] as const;

export function addLanguageModelTools({ context, client, model, start }: Services): void {
  let loaded: Promise<SubAgentTool[]> | undefined;
  // Loaded with the first call: the schemas of the inputs take time, and few windows need them.
  const load = async () => {
    const { createSubAgentTools } = await import("./subAgentTools.ts");
    const folder = () => workspace.workspaceFolders?.[0]?.uri.fsPath;
    return createSubAgentTools({ client, model, folder });
  };
  /** The tool, once there is a connection: its titles and ids come from the daemon. */
  const ready = async (name: string) => {
    await start();
    const tools = await (loaded ??= load());
    const tool = tools.find((one) => one.name === name);
    if (tool === undefined) throw new Error(`there is no tool ${name}`);
    return tool;
  };
  const registered = toolNames.map((name) =>
    lm.registerTool<object>(name, {
      async prepareInvocation({ input }) {
        const tool = await ready(name);
        const confirmation = tool.confirmation?.(input);
        return {
          invocationMessage: tool.progress(input),
          ...(confirmation && {
            confirmationMessages: { title: confirmation.title, message: textOf(confirmation) },
          }),
        };
      },
      async invoke({ input }, token) {
        const tool = await ready(name);
        const text = await tool.run(input, token);
        return new LanguageModelToolResult([new LanguageModelTextPart(text)]);
      },
    }),
  );
  context.subscriptions.push(...registered);
}

/** Texts of a model are appended as text, and a prompt as a block of code. */
function textOf({ facts, text }: Confirmation): MarkdownString {
  const message = new MarkdownString();
  for (const fact of facts) message.appendText(fact).appendMarkdown("\n\n");
  if (text !== undefined) message.appendCodeblock(text, "markdown");
  return message;
}
