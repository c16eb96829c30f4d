/** The plan that surveys a repository: alone, or with a sub-agent for each of its areas. */
import { hotFiles, hotFilesCommand } from "../contract/hotFiles.ts";
import {
  addSums,
  createIgnored,
  describeFiles,
  describeSum,
  filesOf,
  sumOfFiles,
  sumOfReport,
} from "./inventory.ts";
import type { FoundFile } from "./inventory.ts";
import {
  type Plan,
  type PlanStep,
  type PlanWorld,
  type Reply,
  disclaimer,
  matchesOf,
} from "./plan.ts";
import { delegate } from "./subAgents.ts";

const todoPattern = "\\b(TODO|FIXME)\\b";
/** The most folders that one agent lists itself. */
const mostFolders = 150;
const mostAreas = 8;
/** An area with at least this many folders gives them to sub-agents of its own. */
const manyFolders = 5;

export function* surveyRepository(world: PlanWorld): Plan {
  const [top, log] = yield {
    say: `${disclaimer} Surveying the folder.`,
    calls: [
      { name: "list_dir", input: { path: "." } },
      { name: "run_command", input: { command: hotFilesCommand } },
      planCall(0),
    ],
  };
  const isIgnored = yield* readIgnored(top);
  const { files, folders } = filesOf(".", top?.text ?? "", isIgnored);
  const areas = folders.filter((folder) => !folder.startsWith("."));
  let reports: string[];
  let found: FoundFile[] = files;
  const byArea: string[] = [];
  if (canDelegate(world) && areas.length > 0) {
    const chosen = areas.slice(0, mostAreas);
    const tasks = chosen.map((area) => ({
      title: `Survey ${area}`,
      prompt: `Survey the folder "${area}".`,
    }));
    reports = yield* delegate(
      `Giving ${chosen.length === 1 ? "one area to a sub-agent" : `${chosen.length} areas to sub-agents`}.`,
      tasks,
    );
    const sums = reports.map(sumOfReport);
    for (const [index, area] of chosen.entries()) {
      byArea.push(describeSum(sums[index] ?? { count: 0, bytes: 0 }).replace("in all", area));
    }
    byArea.push(describeSum(addSums([sumOfFiles(files), ...sums])));
    if (areas.length > chosen.length) {
      reports.push(`Not surveyed: ${areas.slice(mostAreas).join(", ")}`);
    }
  } else {
    const below = yield* listFolders(folders, isIgnored);
    found = [...files, ...below.files];
    reports = below.isWhole ? [] : [`Only the first ${mostFolders} folders were listed.`];
    reports.push(yield* countTodos("."));
  }
  yield { say: "Putting the reports together.", calls: [planCall(2)] };
  const hot = log === undefined || log.failed ? [] : hotFiles(log.text);
  return [
    `${disclaimer} Survey of the folder:`,
    "",
    `## ${byArea.length > 0 ? "Top level" : "All files"}`,
    describeFiles(found),
    ...reports.flatMap((report) => ["", report]),
    "",
    "## Hot files",
    hot.length === 0
      ? "Unknown: git could not be asked, or knows of no changes."
      : hot
          .map(({ path, times }) => `- ${path}: ${times} ${times === 1 ? "change" : "changes"}`)
          .join("\n"),
    ...(byArea.length > 0 ? ["", "## Areas", ...byArea] : []),
  ].join("\n");
}

export function* surveyArea(area: string, isAlone: boolean, world: PlanWorld): Plan {
  const [root, top] = yield {
    say: `${disclaimer} Surveying ${area}.`,
    calls: [
      { name: "list_dir", input: { path: "." } },
      { name: "list_dir", input: { path: area } },
    ],
  };
  if (top === undefined || top.failed) return `${area} cannot be surveyed: ${top?.text ?? ""}`;
  const isIgnored = yield* readIgnored(root);
  const { files, folders } = filesOf(area, top.text, isIgnored);
  if (!isAlone && canDelegate(world) && folders.length >= manyFolders) {
    const given = folders.slice(0, mostAreas);
    const tasks = given.map((folder) => ({
      title: `Survey ${folder}`,
      prompt: `Survey the folder "${folder}" alone.`,
    }));
    const rest = yield* listFolders(folders.slice(mostAreas), isIgnored);
    const say = `${area} has ${folders.length} folders: giving ${given.length} to sub-agents.`;
    const reports = yield* delegate(say, tasks);
    const own = [...files, ...rest.files];
    const sum = addSums([sumOfFiles(own), ...reports.map(sumOfReport)]);
    return [
      ...[`## ${area}`, describeFiles(own)],
      ...reports.flatMap((report) => ["", report]),
      ...["", `## ${area} with its folders`, describeSum(sum)],
    ].join("\n");
  }
  const below = yield* listFolders(folders, isIgnored);
  const todos = yield* countTodos(area);
  return [`## ${area}`, todos, describeFiles([...files, ...below.files])].join("\n");
}

function canDelegate(world: PlanWorld): boolean {
  return world.has("spawn_agent") && world.has("wait_agent");
}

/** Walks folders, all of one depth in one turn. */
function* listFolders(
  first: readonly string[],
  isIgnored: (path: string) => boolean,
): Generator<PlanStep, { files: FoundFile[]; isWhole: boolean }, Reply[]> {
  const files: FoundFile[] = [];
  let left = mostFolders;
  let depth = [...first];
  while (depth.length > 0 && left > 0) {
    const now = depth.slice(0, left);
    left -= now.length;
    const replies = yield {
      say: "",
      calls: now.map((path) => ({ name: "list_dir", input: { path } })),
    };
    const found = now.map((path, index) => filesOf(path, replies[index]?.text ?? "", isIgnored));
    files.push(...found.flatMap((one) => one.files));
    const deeper = found.flatMap((one) => one.folders);
    if (now.length < depth.length) return { files, isWhole: false };
    depth = deeper;
  }
  return { files, isWhole: depth.length === 0 };
}

/** Applies the .gitignore of the working folder, where the listing shows one. */
function* readIgnored(
  listing: Reply | undefined,
): Generator<PlanStep, (path: string) => boolean, Reply[]> {
  if (listing === undefined || !/^\.gitignore /m.test(listing.text))
    return createIgnored(undefined);
  const [file] = yield { say: "", calls: [{ name: "read_file", input: { path: ".gitignore" } }] };
  return createIgnored(file);
}

function* countTodos(path: string): Generator<PlanStep, string, Reply[]> {
  const [todos] = yield {
    say: "",
    calls: [{ name: "grep", input: { pattern: todoPattern, path } }],
  };
  const lines = matchesOf(todos?.text ?? "");
  const first = lines.slice(0, 5).map((line) => `  - ${line.slice(0, 160)}`);
  return [`- marked TODO or FIXME: ${lines.length}`, ...first].join("\n");
}

function planCall(done: number) {
  const steps = ["Look at the folder", "Survey its areas", "Put the reports together"];
  const entries = steps.map((content, index) => {
    const status = index < done ? "completed" : index === done ? "in_progress" : "pending";
    return { content, status };
  });
  return { name: "update_plan", input: { entries } };
}
