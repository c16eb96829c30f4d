/** The rules of the source that no tool knows, written as data: who may import what, and the like. */
import { posix } from "node:path";

/** A file by its path from the repository's root, with `/`. */
export interface SourceFile {
  path: string;
  text: string;
}

interface ImportRule {
  sentence: string;
  /** Files and folders (with a `/` at the end) that it holds for, and those in them that are free. */
  files: string[];
  except?: string[];
  /** Of an imported package or, by its path from the root, of an imported file. */
  forbids: (target: string) => boolean;
}

interface TextRule {
  sentence: string;
  except?: string[];
  /** Looked for in the text without its comments. */
  forbids: RegExp;
}

const product = ["protocol/", "daemon/", "extension/"];

const importRules: ImportRule[] = [
  {
    sentence: "protocol imports zod only",
    files: ["protocol/"],
    forbids: (target) => target !== "zod" && !isIn("protocol/")(target),
  },
  { sentence: "daemon never imports extension", files: ["daemon/"], forbids: isIn("extension/") },
  { sentence: "extension never imports daemon", files: ["extension/"], forbids: isIn("daemon/") },
  {
    sentence: "only extension imports vscode",
    files: product,
    except: ["extension/"],
    forbids: isOneOf("vscode"),
  },
  {
    sentence:
      "only processes, runners, client, terminal, the built-in agent and the editor's doctor start processes",
    files: product,
    except: [
      "daemon/processes/",
      "daemon/runners/",
      "daemon/client/",
      "daemon/terminal/",
      "daemon/agent/",
      // It is needed most where no daemon can be had, and asks it for nothing.
      "extension/commands/doctor.ts",
    ],
    forbids: isOneOf("node:child_process", "child_process", "node:cluster", "cluster"),
  },
  {
    sentence: "only store knows the database",
    files: product,
    except: ["daemon/store/"],
    forbids: isOneOf("sqlite3", "@keyv/sqlite", "keyv", "node:sqlite"),
  },
];

const textRules: TextRule[] = [
  {
    sentence: "only main.ts and bin.cjs end the process",
    except: ["daemon/main.ts", "daemon/bin.cjs"],
    forbids: /\bprocess\.exit\s*\(/,
  },
  {
    sentence: "only store contains SQL",
    except: ["daemon/store/"],
    forbids: /\b(SELECT\s[^"'`]*\sFROM|INSERT (OR \w+ )?INTO|DELETE FROM|CREATE TABLE|PRAGMA)\s/,
  },
  { sentence: "no default exports", forbids: /\bexport\s+default\b|\bas\s+default\b/ },
  { sentence: "no barrels", forbids: /\bexport\s*\*/ },
  {
    sentence: 'zod is imported as `import * as z from "zod"`, which keeps bundles small',
    forbids: /\bimport\s+(?!type\b|\*\s+as\s+z\b)[^;"']*from\s*["']zod["']/,
  },
];

const mostLines = 400;

/** A sentence for every place where one of the product's files breaks a rule. */
export function faultsOf(files: SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    const code = withoutComments(text);
    const targets = new Set(importsOf(path, code).map(({ to }) => to));
    const imports = [...targets].flatMap((target) =>
      importRules
        .filter((rule) => holdsFor(rule, path) && rule.forbids(target))
        .map(({ sentence }) => `${path} imports ${target}: ${sentence}`),
    );
    const texts = textRules
      .filter((rule) => holdsFor({ files: product, ...rule }, path) && rule.forbids.test(code))
      .map(({ sentence }) => `${path}: ${sentence}`);
    const lines = text.trimEnd().split("\n").length;
    const length = lines > mostLines ? [`${path} has ${lines} lines: ${mostLines} at most`] : [];
    return [...imports, ...texts, ...length];
  });
}

function holdsFor({ files, except = [] }: { files: string[]; except?: string[] }, path: string) {
  return files.some((place) => isIn(place)(path)) && !except.some((place) => isIn(place)(path));
}

/** Whether a path is a certain file or, where that ends with `/`, lies in a certain folder. */
function isIn(place: string): (path: string) => boolean {
  return (path) => (place.endsWith("/") ? path.startsWith(place) : path === place);
}

function isOneOf(...packages: string[]): (target: string) => boolean {
  return (target) => packages.includes(target);
}

/** One import of a file: a package's name, or a path from the root. */
export interface Import {
  from: string;
  to: string;
  /** Nothing of it is left when the types are stripped. */
  isType: boolean;
}

/**
 * What a file imports. By regular expressions, because TypeScript 7 has no parser that a script may
 * call; the planted faults in imports.test.ts say which forms they know.
 */
export function importsOf(path: string, code: string): Import[] {
  const found = (specifier: string, isType: boolean): Import => ({
    from: path,
    to: targetOf(path, specifier),
    isType,
  });
  const named = [
    ...code.matchAll(/\b(?:import|export)\b([^;"'`]*?)\bfrom\s*["']([^"'\n]+)["']/g),
  ].map(([, names = "", specifier = ""]) => found(specifier, isOnlyTypes(names)));
  const forms = [
    /\bimport\s*["']([^"'\n]+)["']/g,
    /\b(?:import|require)\s*\(\s*["'`]([^"'`\n]+)["'`]/g,
  ];
  const others = forms.flatMap((form) =>
    [...code.matchAll(form)].map(([, specifier = ""]) => found(specifier, false)),
  );
  return [...named, ...others];
}

function isOnlyTypes(names: string): boolean {
  if (/^\s*type\b/.test(names)) return true;
  const list = /^\s*\{([^}]*)\}\s*$/.exec(names)?.[1]?.split(",") ?? [""];
  return (
    list.filter((name) => name.trim() !== "").every((name) => /^\s*type\s/.test(name)) &&
    list.length > 1
  );
}

function targetOf(path: string, specifier: string): string {
  if (specifier.startsWith(".")) return posix.join(posix.dirname(path), specifier);
  const parts = specifier.split("/");
  return parts.slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

/** Strings are recognised too, so that a `//` in one of them begins no comment. */
export function withoutComments(text: string): string {
  const stringOrComment =
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/.*|\/\*[\s\S]*?\*\//g;
  return text.replaceAll(stringOrComment, (_whole, string: string | undefined) => string ?? "");
}
