/**
 * The tasks of the demo's sub-agents: shell commands of an ordinary Unix machine, and a survey by
 * the built-in agent. None of them changes anything in the folder that they run in.
 */
import type { Permissions } from "../../protocol/config.ts";
import type { TerminalStatus } from "../../protocol/session.ts";

export interface DemoTask {
  readonly title: string;
  readonly agent: string;
  readonly prompt: string;
  readonly permissions?: Permissions;
  /** The status with which the run has to end; any other is a fault of the demo. */
  readonly expected: TerminalStatus;
  /** The exit code that belongs to an expected error. */
  readonly exitCode?: number;
  /** The run ends only because it is cancelled, so many milliseconds after its start. */
  readonly cancelAfterMs?: number;
  /** A file below the folder; without it the task is left out. */
  readonly needs?: string;
}

/** Lists the files of the folder: those that git knows, or without git all but installed ones. */
const listFiles = `files() {
  git ls-files -co --exclude-standard 2>/dev/null ||
    find . -name node_modules -prune -o -name .git -prune -o -type f -print
}
each() { tr '\\n' '\\0' | xargs -0 "$@" 2>/dev/null; }
`;

const countCode = `${listFiles}files | grep -vE '[.](png|ico|jpg|gif|woff2?)$' | each wc -l | awk '
  $2 != "total" {
    name = $2; sub(/.*\\//, "", name)
    ending = name; if (!sub(/.*\\./, "", ending)) ending = "no ending"
    lines[ending] += $1; count[ending] += 1; all += $1
  }
  END {
    for (ending in lines) printf "%7d lines  %-10s files: %d\\n", lines[ending], ending, count[ending]
    printf "%7d lines in all\\n", all
  }' | sort -n | tail -7`;

// The brackets keep this source from finding itself.
const findMarks = `${listFiles}found=$(files | grep -E '[.](c|m)?(t|j)sx?$|[.]py$|[.]go$|[.]rs$|[.]sh$' |
  each grep -nE '(//|#|[*]).*[^A-Za-z](T[O]DO|F[I]XME|H[A]CK)([^A-Za-z]|$)' /dev/null | head -5)
if [ -n "$found" ]; then echo "$found"; else echo "none: nothing is left for later"; fi`;

const checkTypes = `PATH="$PWD/node_modules/.bin:$PATH"
tsc --noEmit --pretty false -p . || exit 1
echo "no type errors in $(tsc --listFilesOnly -p . | grep -vc /node_modules/) files"`;

const lint = `PATH="$PWD/node_modules/.bin:$PATH"
oxlint --type-aware --format=unix || exit 1
echo "no faults found"`;

const summariseHistory = `if ! count=$(git rev-list --count HEAD 2>/dev/null); then
  echo "there is no git history here to read"; exit 0
fi
if [ "$(git rev-parse --is-shallow-repository)" = true ]; then
  echo "$count commits are here; the clone is shallow, so older ones are not"
else
  echo "$count commits, the first on $(git log --reverse --format=%ad --date=short | head -1)"
fi
git log -4 --format='%h %ad %s' --date=short`;

const listLargest = `${listFiles}files | each wc -c | awk '$2 != "total" { printf "%8.1f kB  %s\\n", $1 / 1000, $2 }' |
  sort -n | tail -5`;

const fail = `echo "three, two, one"
echo "this sub-agent fails on purpose" >&2
exit 3`;

const neverEnd = `n=0
while :; do n=$((n + 1)); echo "still counting: $n"; sleep 0.3; done`;

export const demoTasks: readonly DemoTask[] = [
  {
    title: "Survey the repository with sub-agents of its own",
    agent: "rehearsal",
    prompt: "Survey this repository.",
    expected: "completed",
    // The survey runs a command to read the history, and nobody is there to approve it.
    permissions: { mode: "auto" },
  },
  { title: "Count the code by language", agent: "shell", prompt: countCode, expected: "completed" },
  {
    title: "Check the types",
    agent: "shell",
    prompt: checkTypes,
    expected: "completed",
    needs: "node_modules/.bin/tsc",
  },
  {
    title: "Count for ever (is cancelled halfway)",
    agent: "shell",
    prompt: neverEnd,
    expected: "cancelled",
    cancelAfterMs: 3000,
  },
  {
    title: "Lint",
    agent: "shell",
    prompt: lint,
    expected: "completed",
    needs: "node_modules/.bin/oxlint",
  },
  {
    title: "Find what was left for later",
    agent: "shell",
    prompt: findMarks,
    expected: "completed",
  },
  {
    title: "Summarise the git history",
    agent: "shell",
    prompt: summariseHistory,
    expected: "completed",
  },
  { title: "List the largest files", agent: "shell", prompt: listLargest, expected: "completed" },
  { title: "Fail on purpose", agent: "shell", prompt: fail, expected: "error", exitCode: 3 },
];
