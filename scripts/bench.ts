/**
 * `npm run bench`: measures the speed of the bundle, which is built first, and prints each figure
 * beside a floor that is measured in the same run. `--json` prints JSON lines; `--only WORD` runs
 * only the groups with that word in their names.
 */
import { parseArgs } from "node:util";
import { heading, jsonLine, machine, tableLine, type Figure } from "./bench/figures.ts";
import { install, type Installed } from "./bench/installed.ts";
import { benchNotifications } from "./bench/notifications.ts";
import { benchRequests } from "./bench/requests.ts";
import { benchRuns } from "./bench/runs.ts";
import { benchSessions } from "./bench/sessions.ts";
import { benchStart } from "./bench/start.ts";
import { benchStreaming } from "./bench/streaming.ts";
import { benchStoreFigures } from "./bench/storeFigures.ts";

const groups: Record<string, (installed: Installed) => Promise<Figure[]>> = {
  start: benchStart,
  requests: benchRequests,
  notifications: benchNotifications,
  runs: benchRuns,
  streaming: benchStreaming,
  sessions: benchSessions,
  store: benchStoreFigures,
};

const { values } = parseArgs({
  options: { json: { type: "boolean" }, only: { type: "string" } },
});
const print = (line: string) => void process.stdout.write(`${line}\n`);

if (values.json !== true) {
  print("Offshoot, as the bundle that ships (built just now), beside the floor of the same run.");
  print(`${machine()}\n`);
}
const installed = await install();
try {
  for (const [name, measure] of Object.entries(groups)) {
    if (values.only !== undefined && !name.includes(values.only)) continue;
    const figures = await measure(installed);
    if (values.json === true) for (const figure of figures) print(jsonLine(figure));
    else show(figures);
  }
} finally {
  await installed.remove();
}

function show(figures: Figure[]): void {
  for (const [group, members] of Map.groupBy(figures, (figure) => figure.group)) {
    print(heading.replace(/^ {2} {0,64}/, group.padEnd(66)));
    for (const figure of members) print(tableLine(figure));
    for (const floorIs of new Set(members.map((figure) => figure.floorIs))) {
      if (floorIs !== undefined) print(`  floor: ${floorIs}`);
    }
    print("");
  }
}
