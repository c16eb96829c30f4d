/**
 * The agents, skills and instructions that people already have for the tools they use, found in a
 * workspace and in the home folder.
 *
 * The nearest wins: the folder itself, then those above it up to the workspace's top, then home.
 * Within one folder Offshoot's own files win, then the vendors' in the order of `places`, so an
 * agent that is kept for several tools under one name counts once. Files of a workspace count only
 * where it is trusted, those of the home folder always. A file with a fault is reported and left out.
 */
import { basename, dirname, extname, join } from "node:path";
import * as z from "zod";
import type { AgentProfile } from "../../../protocol/config.ts";
import { messageOf } from "../../base/errors.ts";
import { pathText, type ConfigFault } from "../../config/config.ts";
import type { SkillFile } from "../../runners/runner.ts";
import type { AcpRunner, Vendor } from "./agentFacts.ts";
import { DocumentFault, parseMarkdown, parseTomlFile, type FileDocument } from "./document.ts";
import { readAgent, type Format, type ReadAgent } from "./formats.ts";
import { createKnownFiles, levelsOf, type KnownFiles, type Level, type Place } from "./places.ts";

export interface AgentFilesRequest extends Place {
  /** How a vendor's own agent is run, where it is installed. */
  vendorAgent?: (vendor: Vendor) => AcpRunner | undefined;
}

export interface FileProfile {
  profile: AgentProfile;
  /** The file's path. */
  source: string;
  from: Level["from"];
  format: Format;
}

export interface AgentFiles {
  /** Each name once. */
  profiles: FileProfile[];
  skills: SkillFile[];
  /** The nearest AGENTS.md. */
  instructions?: { text: string; file: string };
  faults: FileFault[];
}

export interface FileFault extends ConfigFault {
  from: Level["from"];
  /** The vendor of the agent; absent for skills, instructions and whole folders. */
  format?: Format;
}

/** Copilot allows 30,000 characters; a file far beyond that was never meant as a prompt. */
const mostBytes = 256 * 1024;

export function createAgentFileReader() {
  const files = createKnownFiles();
  const warming = new Map<string, Promise<void> | undefined>();
  return {
    /** Parses a file again only when it has changed: cheap enough for every spawn. */
    read(request: AgentFilesRequest): AgentFiles {
      const { agents, ...found } = allOf(find(request, files));
      const profiles = agents.flatMap(({ read, ...agent }) => {
        const runner =
          agent.format === "offshoot" ? undefined : request.vendorAgent?.(agent.format);
        const profile = read.profile?.(runner);
        return profile === undefined ? [] : [{ profile, ...agent }];
      });
      return { ...found, profiles };
    },
    /**
     * Call before the first `read` of a folder: many files are parsed in small pieces, so that other
     * work gets its turn. Undefined where there is nothing to wait for.
     */
    warm(request: AgentFilesRequest): Promise<void> | undefined {
      const { vendorAgent: _unread, ...place } = request;
      const key = JSON.stringify(place);
      if (warming.has(key)) return warming.get(key);
      if (warming.size >= mostWarmed) warming.clear();
      const steps = find(request, files);
      warming.set(key, undefined);
      if (advance(steps)) return undefined;
      const rest = inPieces(steps).finally(() => warming.set(key, undefined));
      warming.set(key, rest);
      return rest;
    },
  };
}

const mostWarmed = 1_000;
/** Others wait at most about this long for one piece of the work. */
const pieceMs = 5;

/** Whether all of the work is done. */
function advance(steps: Generator<void, unknown>): boolean {
  const until = performance.now() + pieceMs;
  while (performance.now() < until) if (steps.next().done === true) return true;
  return false;
}

async function inPieces(steps: Generator<void, unknown>): Promise<void> {
  do await new Promise((resolve) => setImmediate(resolve));
  while (!advance(steps));
}

function allOf<Value>(steps: Generator<void, Value>): Value {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

interface Found extends Omit<AgentFiles, "profiles"> {
  agents: (Omit<FileProfile, "profile"> & { read: ReadAgent })[];
}

/** Yields after each file, since that may have been parsed. */
function* find(request: AgentFilesRequest, files: KnownFiles): Generator<void, Found> {
  const found: Found = { agents: [], skills: [], faults: [] };
  const agentNames = new Set<string>();
  const skillNames = new Set<string>();

  for (const level of levelsOf(request)) {
    const { from, folder } = level;
    const faulty = (faults: readonly ConfigFault[], format?: Format) => {
      for (const fault of faults) found.faults.push({ ...fault, from, ...(format && { format }) });
    };
    const read = <Value>(file: string, parse: (text: string) => Value, format?: Format) => {
      const got = files.read(file, (text, size) => attempt(file, text, size, parse));
      if (got === undefined || "value" in got) return got?.value;
      faulty(got.faults, format);
      return undefined;
    };

    const agents = files.agents(level);
    faulty(agents.faults);
    for (const { file, format } of agents.files) {
      yield;
      const agent = read(file, (text) => agentOf(format, file, text), format);
      if (agent === undefined || agentNames.has(agent.name)) continue;
      agentNames.add(agent.name);
      found.agents.push({ read: agent, source: file, from, format });
    }
    const skills = files.skills(level);
    faulty(skills.faults);
    for (const file of skills.files) {
      yield;
      const skill = read(file, (text) => skillOf(file, text));
      if (skill === undefined || skillNames.has(skill.name)) continue;
      skillNames.add(skill.name);
      found.skills.push(skill);
    }
    if (found.instructions !== undefined) continue;
    const file = join(folder, "AGENTS.md");
    const text = read(file, (whole) => whole.trim());
    if (text !== undefined && text !== "") found.instructions = { text, file };
  }
  return found;
}

/** What is wrong with a file, where, and what to do. */
export function fileFaultText({ source, path, message }: ConfigFault): string {
  const where = path === "" ? source : `${source}: ${path}`;
  return `${where}: ${message}. Correct it; the other files are used.`;
}

function agentOf(format: Format, file: string, text: string): ReadAgent {
  const document = format === "codex" ? parseTomlFile(text) : parseMarkdown(text);
  const stem = basename(file, extname(file));
  return withLines(document, () => readAgent(format, document, stem));
}

function skillOf(file: string, text: string): SkillFile {
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
        // The path of an unknown field ends at the object that holds it.
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
  text: () => string,
  size: number,
  parse: (text: string) => Value,
): { value: Value } | { faults: ConfigFault[] } {
  const fault = (path: string, message: string) => ({ source: file, path, message });
  if (size > mostBytes) {
    const message = `has ${size} bytes, more than ${mostBytes}; move what it needs into other files`;
    return { faults: [fault("", message)] };
  }
  try {
    return { value: parse(text().replace(/^\uFEFF/, "")) };
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
    return { faults: [fault("", `cannot be read: ${messageOf(error)}`)] };
  }
}
