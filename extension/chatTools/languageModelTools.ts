/** Offers the sub-agents to the editor's own agent, which asks the person before it acts. */
import {
  LanguageModelTextPart,
  LanguageModelToolResult,
  lm,
  MarkdownString,
  workspace,
  type CancellationToken,
  type Disposable,
} from "vscode";
import type { ExtensionParts } from "../editor/services.ts";
import type { Confirmation, SubAgentTool } from "./subAgentTool.ts";

/** As package.json names them. */
const toolNames = [
  "offshoot_spawn",
  "offshoot_wait",
  "offshoot_list",
  "offshoot_cancel",
  "offshoot_send",
] as const;

export function addLanguageModelTools({ client, model, start }: ExtensionParts): Disposable[] {
  let loaded: Promise<SubAgentTool[]> | undefined;
  // Loaded with the first call: the schemas of their inputs take time, and few windows need them.
  const load = async () => {
    const { createSubAgentTools } = await import("./subAgentTools.ts");
    return createSubAgentTools({
      call: client.call,
      model,
      folder: () => workspace.workspaceFolders?.[0]?.uri.fsPath,
    });
  };
  const toolNamed = async (name: string) => {
    const tools = await (loaded ??= load());
    const tool = tools.find((one) => one.name === name);
    if (tool === undefined) throw new Error(`there is no tool ${name}`);
    return tool;
  };
  return toolNames.map((name) => register(name, () => toolNamed(name), start));
}

function register(
  name: string,
  load: () => Promise<SubAgentTool>,
  start: () => Promise<void>,
): Disposable {
  return lm.registerTool<object>(name, {
    async prepareInvocation({ input }) {
      // The sub-agent that is meant is shown by its title, which only the daemon knows.
      await start();
      const tool = await load();
      const confirmation = tool.confirmation?.(input);
      return {
        invocationMessage: tool.progress(input),
        ...(confirmation && {
          confirmationMessages: { title: confirmation.title, message: messageOf(confirmation) },
        }),
      };
    },
    async invoke({ input }, token) {
      await start();
      const tool = await load();
      const text = await tool.run(input, signalOf(token));
      return new LanguageModelToolResult([new LanguageModelTextPart(text)]);
    },
  });
}

/** The words are a model's: they are appended as text, and a prompt as a block of code. */
function messageOf({ facts, text }: Confirmation): MarkdownString {
  const message = new MarkdownString();
  for (const fact of facts) message.appendText(fact).appendMarkdown("\n\n");
  if (text !== undefined) message.appendCodeblock(text, "markdown");
  return message;
}

function signalOf(token: CancellationToken): AbortSignal {
  const controller = new AbortController();
  if (token.isCancellationRequested) controller.abort();
  token.onCancellationRequested(() => controller.abort());
  return controller.signal;
}
