/**
 * The agents, skills and instructions that people already have for the tools they use, found in a
 * workspace and in the home folder.
 *
 * The nearest wins: the folder itself, then those above it up to the workspace's top, then home.
 * Within one folder Offshoot's own files win, then the vendors' in the order of `places`; who keeps
 * one agent for several tools under one name so gets it once. Files of a workspace count only where
 * it is trusted, those of the home folder always. A file with a fault is reported and the rest load.
 */
import { existsSync, readdirSync, readFileSync, statSync, type Stats } from "node:fs";
import { basename, dirname, extname, join, relative, resolve } from "node:path";
import * as z from "zod";
import type { AgentProfile } from "../../protocol/config.ts";
import { pathText, type ConfigFault } from "../config.ts";
import type { AcpRunner, Vendor } from "./agentFacts.ts";
import { DocumentFault, parseMarkdown, parseTomlFile, type FileDocument } from "./document.ts";
import { readAgent, type Format, type ReadAgent } from "./formats.ts";

export interface AgentFilesRequest {
  /** Absolute: where the work is done. */
  folder: string;
  /** The workspace's top; else the nearest folder with a `.git`, else `folder` itself. */
  top?: string | undefined;
  home: string;
  /** Whether what the workspace contributes counts. */
  trusted: boolean;
  /** How each vendor's own agent is run, for those that are installed. */
  vendorAgents?: Partial<Record<Vendor, AcpRunner>>;
}

export interface Skill {
  name: string;
  description: string;
  /** Path of its SKILL.md. */
  file: string;
}

export interface AgentFiles {
  /** Each name once; `source` is the file's path. */
  profiles: { profile: AgentProfile; source: string; from: "workspace" | "home" }[];
  skills: Skill[];
  /** The nearest AGENTS.md. */
  instructions?: { text: string; file: string };
  faults: ConfigFault[];
}

const places: readonly { format: Format; folder: string; homeOnly?: true }[] = [
  { format: "offshoot", folder: ".offshoot/agents" },
  { format: "claude", folder: ".claude/agents" },
  { format: "codex", folder: ".codex/agents" },
  { format: "gemini", folder: ".gemini/agents" },
  { format: "opencode", folder: ".opencode/agents" },
  { format: "opencode", folder: ".opencode/agent" },
  { format: "opencode", folder: ".config/opencode/agents", homeOnly: true },
  { format: "opencode", folder: ".config/opencode/agent", homeOnly: true },
  { format: "copilot", folder: ".github/agents" },
  { format: "copilot", folder: ".copilot/agents", homeOnly: true },
];
const skillFolders = [".agents/skills", ".claude/skills"];
/** Copilot allows 30,000 characters; what is far beyond that was never meant as a prompt. */
const mostBytes = 256 * 1024;
const mostRemembered = 2_000;

/** Makes a reader that parses a file again only when it has changed: cheap enough for every spawn. */
export function createAgentFileReader(): (request: AgentFilesRequest) => AgentFiles {
  const remembered = new Map<string, { stamp: string; value: unknown }>();

  /** What `parse` makes of the file, or its faults. Undefined where there is no such file. */
  function read<Value>(
    file: string,
    parse: (text: string) => Value,
  ): { value: Value } | { faults: ConfigFault[] } | undefined {
    const stats = statsOf(file);
    if (stats?.isFile() !== true) return undefined;
    const stamp = `${stats.mtimeMs} ${stats.size} ${stats.ino}`;
    const known = remembered.get(file);
    if (known?.stamp === stamp) return known.value as ReturnType<typeof attempt<Value>>;
    const value = attempt(file, stats.size, parse);
    if (remembered.size >= mostRemembered) remembered.clear();
    remembered.set(file, { stamp, value });
    return value;
  }

  return (request) => {
    const found: AgentFiles = { profiles: [], skills: [], faults: [] };
    const agentNames = new Set<string>();
    const skillNames = new Set<string>();

    for (const { folder, from } of levelsOf(request)) {
      for (const { file, format } of agentFilesOf(folder, from)) {
        const got = read(file, (text) => agentOf(format, file, text));
        if (got === undefined) continue;
        if ("faults" in got) found.faults.push(...got.faults);
        else if (!agentNames.has(got.value.name)) {
          agentNames.add(got.value.name);
          const runner = format === "offshoot" ? undefined : request.vendorAgents?.[format];
          const profile = got.value.profile?.(runner);
          if (profile !== undefined) found.profiles.push({ profile, source: file, from });
        }
      }
      for (const file of skillFilesOf(folder)) {
        const got = read(file, (text) => skillOf(file, text));
        if (got === undefined) continue;
        if ("faults" in got) found.faults.push(...got.faults);
        else if (!skillNames.has(got.value.name)) {
          skillNames.add(got.value.name);
          found.skills.push(got.value);
        }
      }
      const file = join(folder, "AGENTS.md");
      const got = found.instructions === undefined ? read(file, (text) => text.trim()) : undefined;
      if (got !== undefined && "faults" in got) found.faults.push(...got.faults);
      else if (got !== undefined && got.value !== "")
        found.instructions = { text: got.value, file };
    }
    return found;
  };
}

interface Level {
  folder: string;
  from: "workspace" | "home";
}

/** Nearest first. Never above the top: what lies there may be anybody's, such as in /tmp. */
function levelsOf({ folder, top, home, trusted }: AgentFilesRequest): Level[] {
  const atHome: Level = { folder: resolve(home), from: "home" };
  if (!trusted) return [atHome];
  const above: string[] = [];
  for (let at = resolve(folder); ; at = dirname(at)) {
    above.push(at);
    if (at === dirname(at)) break;
  }
  const isGiven = top !== undefined && !relative(resolve(top), resolve(folder)).startsWith("..");
  const last = isGiven
    ? above.indexOf(resolve(top))
    : above.findIndex((at) => existsSync(join(at, ".git")));
  const workspace = above
    .slice(0, Math.max(0, last) + 1)
    .filter((at) => at !== atHome.folder)
    .map((at): Level => ({ folder: at, from: "workspace" }));
  return [...workspace, atHome];
}

function agentFilesOf(folder: string, from: Level["from"]): { file: string; format: Format }[] {
  return places.flatMap(({ format, folder: place, homeOnly }) => {
    if (homeOnly === true && from !== "home") return [];
    const ending = format === "codex" ? ".toml" : ".md";
    return namesIn(join(folder, place))
      .filter((name) => name.endsWith(ending) && !/^(readme|agents|claude)\.md$/i.test(name))
      .map((name) => ({ file: join(folder, place, name), format }));
  });
}

function skillFilesOf(folder: string): string[] {
  return skillFolders.flatMap((place) =>
    namesIn(join(folder, place)).map((name) => join(folder, place, name, "SKILL.md")),
  );
}

/** Undefined where there is nothing, or nothing that may be looked at. */
function statsOf(file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** In the order of the alphabet; none where there is no such folder. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    return [];
  }
}

function agentOf(format: Format, file: string, text: string): ReadAgent {
  const document = format === "codex" ? parseTomlFile(text) : parseMarkdown(text);
  const stem = basename(file, extname(file));
  return withLines(document, () => readAgent(format, document, stem));
}

function skillOf(file: string, text: string): Skill {
  const document = parseMarkdown(text);
  const schema = z.object({
    name: z.string().min(1).optional(),
    description: z.string().trim().min(1),
  });
  const { name = basename(dirname(file)), description } = withLines(document, () =>
    schema.parse(document.fields),
  );
  return { name, description, file };
}

/** Faults of fields, with the lines that they stand in. */
class FieldFaults extends Error {
  readonly faults: { line: number; path: string; message: string }[];

  constructor(faults: FieldFaults["faults"]) {
    super("fields of the wrong form");
    this.faults = faults;
  }
}

function withLines<Value>(document: FileDocument, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    throw new FieldFaults(
      error.issues.map((issue) => ({
        // Of a field that does not belong there, the place is told apart from the path.
        line: document.lineOf(
          issue.code === "unrecognized_keys"
            ? [...issue.path, ...issue.keys.slice(0, 1)]
            : issue.path,
        ),
        path: pathText(issue.path).replace(/^\./, ""),
        message: issue.message,
      })),
    );
  }
}

function attempt<Value>(
  file: string,
  size: number,
  parse: (text: string) => Value,
): { value: Value } | { faults: ConfigFault[] } {
  const fault = (path: string, message: string) => ({ source: file, path, message });
  if (size > mostBytes) {
    const message = `has ${size} bytes, more than ${mostBytes}; move what it needs into other files`;
    return { faults: [fault("", message)] };
  }
  try {
    return { value: parse(readFileSync(file, "utf8").replace(/^\uFEFF/, "")) };
  } catch (error) {
    if (error instanceof DocumentFault)
      return { faults: [fault(`line ${error.line}`, error.message)] };
    if (error instanceof FieldFaults) {
      return {
        faults: error.faults.map(({ line, path, message }) =>
          fault(path === "" ? `line ${line}` : `line ${line}: ${path}`, message),
        ),
      };
    }
    const cause = error instanceof Error ? error.message : String(error);
    return { faults: [fault("", `cannot be read: ${cause}`)] };
  }
}
