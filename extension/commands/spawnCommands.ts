/** Commands that spawn: alone, below a session, about a selection, about files. */
import { randomUUID } from "node:crypto";
import { relative } from "node:path";
import { commands, Uri, window, workspace, type WorkspaceFolder } from "vscode";
import type { Session } from "../../protocol/session.ts";
import { isBelow } from "../base/paths.ts";
import { registerCommand } from "../editor/commands.ts";
import { editorModels } from "../models/lendModels.ts";
import { ableOf, commandAdder, type CommandServices } from "./commandSet.ts";
import { askForModel, needsModel, type ModelChoices } from "./modelQuestion.ts";
import { askForAgent, askForPrompt, titleOf, type SpawnQuestions } from "./spawnQuestions.ts";
import { composePrompt, withPrompt, type SpawnAbout } from "./spawnPrompt.ts";

interface SpawnRequest {
  parent?: Session;
  about: SpawnAbout;
  /** Where the sub-agent works; below a parent it works in the parent's folder. */
  folder?: WorkspaceFolder | undefined;
}

const promptsKey = "offshoot.prompts";
const agentKey = "offshoot.agent";
const modelKey = "offshoot.model";
const nothing: SpawnAbout = { kind: "nothing" };

export function addSpawnCommands(services: CommandServices): void {
  const { context, client, model, view } = services;
  const memory = context.workspaceState;
  const add = commandAdder(services);

  async function modelChoices(): Promise<ModelChoices> {
    const preset = workspace.getConfiguration("offshoot").get<string>("defaultModel");
    return {
      preset: preset || undefined,
      last: memory.get<string>(modelKey),
      ...(await editorModels(context)),
    };
  }

  async function spawn({ parent, about, folder }: SpawnRequest): Promise<void> {
    const cwd = parent?.cwd ?? folder?.uri.fsPath;
    if (cwd === undefined) {
      const button = "Open Folder";
      const message = "A sub-agent works in a folder. Open one first.";
      if ((await window.showInformationMessage(message, button)) === button) {
        await commands.executeCommand("vscode.openFolder");
      }
      return;
    }
    const { agents, faults = [] } = await client.call("agent/list", { cwd });
    const questions: SpawnQuestions = {
      agents,
      faults,
      about,
      lastAgent: memory.get<string>(agentKey),
      earlier: memory.get<string[]>(promptsKey) ?? [],
      models: modelChoices,
      ...(parent && { parentTitle: parent.title }),
    };
    const asked = await askAll(questions);
    if (asked === undefined) return;
    await memory.update(agentKey, asked.agent);
    if (asked.model !== undefined) await memory.update(modelKey, asked.model);
    await memory.update(promptsKey, withPrompt(questions.earlier, asked.typed));
    const { session } = await client.call("session/spawn", {
      prompt: asked.prompt,
      agent: asked.agent,
      ...(asked.model !== undefined && { model: asked.model }),
      requestKey: randomUUID(),
      ...(Object.keys(asked.limits).length > 0 && { limits: asked.limits }),
      ...(parent === undefined ? { cwd } : { parentId: parent.id }),
    });
    model.add(session);
    if (!view.tree.visible) await commands.executeCommand("offshoot.sessions.focus");
    await view.reveal(session.id);
  }

  add("spawn", async () => spawn({ about: nothing, folder: await chooseFolder() }));
  add("chooseAgent", async () => spawn({ about: nothing, folder: await chooseFolder() }));
  add("spawnChild", async (sessions) => {
    const [parent] = ableOf(sessions, "spawnChild", view.visible);
    if (parent !== undefined) await spawn({ parent, about: nothing });
  });
  add("spawnFromEditor", async () => {
    const editor = window.activeTextEditor;
    if (editor === undefined) throw new Error("open a file first");
    const { document, selection } = editor;
    const folder = workspace.getWorkspaceFolder(document.uri) ?? (await chooseFolder());
    const path = pathIn(folder, document.uri);
    const text = document.getText(selection);
    // A selection of whole lines ends before the first character of the next line.
    const isWhole = selection.end.character === 0 && !selection.isSingleLine;
    const about: SpawnAbout = selection.isEmpty
      ? { kind: "files", paths: [path] }
      : {
          kind: "selection",
          path,
          firstLine: selection.start.line + 1,
          lastLine: selection.end.line + (isWhole ? 0 : 1),
          language: document.languageId,
          text,
        };
    await spawn({ about, folder });
  });
  // The explorer passes the clicked file and all selected ones.
  const spawnWithFiles = async (clicked?: unknown, selected?: unknown) => {
    await services.start();
    const all = Array.isArray(selected) && selected.length > 0 ? selected : [clicked];
    const uris = all.filter((one) => one instanceof Uri);
    const [first] = uris;
    if (first === undefined) return;
    const folder = workspace.getWorkspaceFolder(first);
    const paths = uris.map((uri) => pathIn(folder, uri));
    await spawn({ about: { kind: "files", paths }, folder });
  };
  context.subscriptions.push(registerCommand(services, "spawnWithFiles", spawnWithFiles));
}

/** Asks for the agent, for its model where it has none, and for the prompt, which leads back, too. */
async function askAll(questions: SpawnQuestions) {
  for (;;) {
    const agent = await askForAgent(questions);
    if (agent === undefined) return undefined;
    const { name } = agent;
    const title = titleOf(questions, `which model for ${name}?`);
    const model = needsModel(agent) ? await askForModel(title, questions.models) : undefined;
    if (needsModel(agent) && model === undefined) return undefined;
    const answer = await askForPrompt(questions, name);
    if (answer === undefined) return undefined;
    if (answer === "back") continue;
    const { typed, limits } = answer;
    const prompt = composePrompt(typed, questions.about, { takesCommands: name === "shell" });
    return { agent: name, model, typed, prompt, limits };
  }
}

async function chooseFolder(): Promise<WorkspaceFolder | undefined> {
  const folders = workspace.workspaceFolders ?? [];
  const active = window.activeTextEditor?.document.uri;
  const ofActive = active === undefined ? undefined : workspace.getWorkspaceFolder(active);
  if (folders.length < 2 || ofActive !== undefined) return ofActive ?? folders[0];
  return await window.showWorkspaceFolderPick({ placeHolder: "In which folder?" });
}

function pathIn(folder: WorkspaceFolder | undefined, uri: Uri): string {
  if (uri.scheme === "untitled") return uri.path;
  const top = folder?.uri.fsPath;
  if (top === undefined || !isBelow(uri.fsPath, top)) return uri.fsPath;
  return relative(top, uri.fsPath) || ".";
}
