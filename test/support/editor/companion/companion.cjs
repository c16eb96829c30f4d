// An extension for tests, beside ours. It brings a chat model, `companion/echo`, which does what the
// last message says: "say …" says it, "look" calls list_dir and says what that answered, "think"
// never ends. What happens to it stands in companion.jsonl in its home folder. And it calls a command
// of ours as another extension can: without asking whether that is enabled.
const { appendFileSync } = require("node:fs");
const { join } = require("node:path");
const vscode = require("vscode");

const note = (fact) =>
  appendFileSync(join(process.env.HOME, "companion.jsonl"), `${JSON.stringify(fact)}\n`);

const echo = {
  id: "echo-1",
  name: "Echo",
  family: "echo",
  version: "1",
  maxInputTokens: 10_000,
  maxOutputTokens: 1_000,
  capabilities: { toolCalling: true },
};

const textOf = (parts) =>
  parts
    .map((part) => part.value ?? (part.content === undefined ? "" : textOf(part.content)))
    .join("");

async function answer(messages, { tools = [] }, progress, token) {
  const last = messages.at(-1);
  const asked = textOf(last.content);
  const isResult = last.content.some((part) => part.callId !== undefined);
  note({ asked, isResult, tools: tools.map(({ name }) => name) });
  const say = (text) => progress.report(new vscode.LanguageModelTextPart(text));
  if (isResult) return say(`It has: ${asked}`);
  if (asked.includes("look")) {
    say("Looking.");
    return progress.report(new vscode.LanguageModelToolCallPart("c1", "list_dir", { path: "." }));
  }
  if (asked.includes("think")) {
    say("Hm.");
    await new Promise((resolve) => {
      token.onCancellationRequested(() => resolve(note({ cancelled: true })));
    });
    return undefined;
  }
  for (const word of asked.replace(/^.*say /s, "").match(/\S+\s*/g)) say(word);
  return undefined;
}

exports.activate = ({ subscriptions }) => {
  subscriptions.push(
    vscode.lm.registerLanguageModelChatProvider("companion", {
      provideLanguageModelChatInformation: () => [echo],
      provideLanguageModelChatResponse: (_model, messages, options, progress, token) =>
        answer(messages, options, progress, token),
      provideTokenCount: (_model, told) =>
        Math.ceil((typeof told === "string" ? told : textOf(told.content)).length / 4),
    }),
    vscode.commands.registerCommand("companion.spawn", () =>
      vscode.commands.executeCommand("offshoot.view.spawn"),
    ),
  );
};
