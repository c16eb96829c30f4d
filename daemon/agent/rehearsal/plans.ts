/** Chooses the plan of a prompt, and holds the small plans. */
import { disclaimer, matchesOf, type Plan, type PlanWorld } from "./plan.ts";
import { hotFiles, hotFilesCommand } from "../contract/hotFiles.ts";
import { surveyArea, surveyRepository } from "./survey.ts";

export function choosePlan(prompt: string, world: PlanWorld): Plan {
  const text = prompt.trim();
  const area = /\bsurvey the folder "([^"]+)"( alone)?/i.exec(text);
  if (area?.[1] !== undefined) return surveyArea(area[1], area[2] !== undefined, world);
  const read = /\b(?:read|show)\s+(?:the file\s+)?["'`]?([\w./@-]+)["'`]?/i.exec(text);
  if (/\btodos?\b|\bfixmes?\b/i.test(text)) return findTodos();
  if (/\bhot\b|\bchanged most\b/i.test(text)) return findHotFiles();
  if (/\bcount\b|\bhow many\b/i.test(text)) return countFiles(patternOf(text));
  if (/\bsurvey\b|\boverview\b|\brepository\b/i.test(text)) return surveyRepository(world);
  if (read?.[1] !== undefined) return readOne(read[1]);
  return explain();
}

// oxlint-disable-next-line require-yield -- this plan has no turn but its last
function* explain(): Plan {
  return [
    disclaimer,
    "",
    "It understands these prompts and did not find one of them in yours:",
    '- "survey": languages, sizes, marks of open work and hot files of the folder, with one ' +
      "sub-agent for each of its areas where sub-agents can be spawned",
    '- "survey the folder "NAME"": the same for one area; "alone" behind it spawns nobody',
    '- "count files" or "count *.ts": how many files there are',
    '- "find TODOs": the places that are marked TODO or FIXME',
    '- "hot files": what changed most often, from git',
    '- "read NAME": the beginning of a file',
    "",
    "For a language model set a key, such as ANTHROPIC_API_KEY, and choose a model, such as " +
      '"anthropic/claude-sonnet-4-5".',
  ].join("\n");
}

function* findTodos(): Plan {
  const [found] = yield {
    say: `${disclaimer} Looking for marks of open work.`,
    calls: [{ name: "grep", input: { pattern: "\\b(TODO|FIXME)\\b" } }],
  };
  const lines = matchesOf(found?.text ?? "");
  const files = new Set(lines.map((line) => line.split(":")[0]));
  const shown = lines.slice(0, 50).map((line) => `- ${line}`);
  return [`${lines.length} marks in ${files.size} files.`, ...shown].join("\n");
}

function* findHotFiles(): Plan {
  const [log] = yield {
    say: `${disclaimer} Asking git what changed most often.`,
    calls: [{ name: "run_command", input: { command: hotFilesCommand } }],
  };
  if (log === undefined || log.failed) return `git could not be asked: ${log?.text ?? ""}`;
  const files = hotFiles(log.text);
  if (files.length === 0) return "git knows of no changes here.";
  return ["Changed most often:", ...files.map(({ path, times }) => `- ${path}: ${times}`)].join(
    "\n",
  );
}

function* countFiles(pattern: string): Plan {
  const [found] = yield {
    say: `${disclaimer} Counting what matches ${pattern}.`,
    calls: [{ name: "glob", input: { pattern } }],
  };
  const lines = matchesOf(found?.text ?? "");
  const isBounded = found?.text.includes("[only the first") ?? false;
  return `${isBounded ? "More than " : ""}${lines.length} files match ${pattern}.`;
}

function* readOne(path: string): Plan {
  const [content] = yield {
    say: `${disclaimer} Reading ${path}.`,
    calls: [{ name: "read_file", input: { path, limit: 60 } }],
  };
  if (content === undefined || content.failed) return `It cannot be read: ${content?.text ?? ""}`;
  return `${path} begins with:\n\n${content.text}`;
}

function patternOf(text: string): string {
  return /[\w./-]*\*[\w./*{},-]*/.exec(text)?.[0] ?? "**/*";
}
