/**
 * Reads the configuration: the user's file, and the file of a workspace. Faults never stop the
 * core: the part that is wrong is left out and named, with file, path and remedy; the rest counts.
 * Each request checks whether the file changed, and reads it again only then.
 */
import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { messageOf } from "../base/errors.ts";
import { isInside } from "../base/paths.ts";
import { parse, printParseErrorCode, type ParseError } from "jsonc-parser";
import type * as z from "zod";
import { AgentProfile, Config } from "../../protocol/config.ts";

export interface ConfigFault {
  /** Path of the file, or what else the configuration came from. */
  source: string;
  /** Where in it, such as `agents[2].runner.command`; empty for the whole. */
  path: string;
  message: string;
}

export interface LoadedConfig {
  /** Path of the file, or what else it came from. */
  source: string;
  config: Config;
  faults: ConfigFault[];
}

export interface Configuration {
  user(): LoadedConfig;
  /** The nearest `.offshoot/config.json` at or above `cwd`, up to `top` where that is given. */
  workspace(cwd: string, top: string | undefined): LoadedConfig | undefined;
}

export function createConfiguration(userFile: string): Configuration {
  const read = new Map<string, { stamp: string; loaded: LoadedConfig }>();
  const noUserFile: LoadedConfig = { source: userFile, config: {}, faults: [] };

  function load(file: string): LoadedConfig | undefined {
    const stamp = stampOf(file);
    if (stamp === undefined) return undefined;
    const known = read.get(file);
    if (known?.stamp === stamp) return known.loaded;
    const loaded = parseFile(file);
    read.set(file, { stamp, loaded });
    return loaded;
  }

  return {
    user: () => load(userFile) ?? noUserFile,
    workspace(cwd, top) {
      for (let folder = cwd; ; folder = dirname(folder)) {
        const isOutside = top !== undefined && !isInside(folder, top);
        if (isOutside) return undefined;
        const loaded = load(join(folder, ".offshoot", "config.json"));
        if (loaded !== undefined) return loaded;
        if (folder === top || folder === dirname(folder)) return undefined;
      }
    },
  };
}

/** What can be used of a configuration that did not come from a file of its own. */
export function checkConfig(value: unknown, source: string): LoadedConfig {
  const faults: ConfigFault[] = [];
  const config: Record<string, unknown> = {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    faults.push({ source, path: "", message: "must be an object" });
    return { source, config: {}, faults };
  }
  for (const [name, part] of Object.entries(value)) {
    if (name === "$schema") continue;
    const schema = schemaOf(name);
    if (schema === undefined) {
      const known = Object.keys(Config.shape).join(", ");
      faults.push({ source, path: name, message: `is not a setting; there are: ${known}` });
    } else if (name === "agents" && Array.isArray(part)) {
      config["agents"] = part.flatMap((agent, place) =>
        checkPart(AgentProfile, agent, `agents[${place}]`, source, faults),
      );
    } else {
      const [checked] = checkPart(schema, part, name, source, faults);
      if (checked !== undefined) config[name] = checked;
    }
  }
  return { source, config, faults };
}

/** Undefined where no setting has this name, also for names such as `toString`. */
function schemaOf(name: string): z.ZodType | undefined {
  return Object.hasOwn(Config.shape, name) ? Config.shape[name as keyof Config] : undefined;
}

/** The part, or nothing and its faults. */
function checkPart<T>(
  schema: z.ZodType<T>,
  part: unknown,
  path: string,
  source: string,
  faults: ConfigFault[],
): T[] {
  const result = schema.safeParse(part);
  if (result.success) return [result.data];
  for (const issue of result.error.issues) {
    faults.push({ source, path: path + pathText(issue.path), message: issue.message });
  }
  return [];
}

export function faultText({ source, path, message }: ConfigFault): string {
  if (path === "") return `${source}: ${message}. Correct it; nothing of it is used until then.`;
  return `${source}: ${path}: ${message}. Correct it; the rest of the configuration is used.`;
}

/** `[2].runner.command` for `[2, "runner", "command"]`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`)).join("");
}

function parseFile(file: string): LoadedConfig {
  let text: string;
  try {
    // Some editors put a mark of the byte order before the first character.
    text = readFileSync(file, "utf8").replace(/^\uFEFF/, "");
  } catch (cause) {
    const message = `cannot be read: ${messageOf(cause)}`;
    return { source: file, config: {}, faults: [{ source: file, path: "", message }] };
  }
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first === undefined) return checkConfig(value ?? {}, file);
  const before = text.slice(0, first.offset).split("\n");
  const line = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
  const message = `is not JSON: ${printParseErrorCode(first.error)} at ${line}`;
  return { source: file, config: {}, faults: [{ source: file, path: "", message }] };
}

/** Changes whenever the file does; undefined where there is none. */
function stampOf(file: string): string | undefined {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats?.isFile() === true ? `${stats.mtimeMs} ${stats.size} ${stats.ino}` : undefined;
}
