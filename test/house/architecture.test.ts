/** ARCHITECTURE.md says what is true: its tables and charts are those of the code, its names exist. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runSteps } from "../../daemon/runs/run.ts";
import { sessionMoves } from "../../daemon/sessions/transition.ts";
import { checkLeaks } from "../support/leaks.ts";
import { repository } from "../support/repository.ts";
import { extensionRooms } from "./extensionRooms.ts";
import { daemonRooms } from "./rooms.ts";
import { importsOf } from "./sourceRules.ts";

const text = readFileSync(join(repository, "ARCHITECTURE.md"), "utf8");
const readDaemon = (file: string) => readFileSync(join(repository, "daemon", file), "utf8");

/** The text below a heading, up to the next one of the same depth. */
function section(heading: string): string {
  const found = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  assert.ok(found !== undefined, `there is no section "${heading}"`);
  return found;
}

/** The rows of a table whose first cell names a folder: the room, and what it may import. */
function roomsIn(part: string, folder: string): Record<string, string> {
  const rows = part.matchAll(/^\| `([\w/.]+)`\s*\|.*\|([^|]*)\|$/gm);
  return Object.fromEntries(
    [...rows]
      .filter(([, place = ""]) => place.startsWith(`${folder}/`))
      .map(([, place = "", imports = ""]) => [
        place.slice(folder.length + 1).replace(/\/$/, "") || ".",
        imports.trim(),
      ]),
  );
}

function shownRooms(rooms: Readonly<Record<string, readonly string[]>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(rooms).map(([room, imports]) => [room, imports.join(", ") || "–"]),
  );
}

/** One line for each way between two states, as the tables of the code have them. */
function chartOf(
  moves: Readonly<Record<string, { from: readonly string[]; to: string | readonly string[] }>>,
): string {
  return Object.entries(moves)
    .map(([name, { from, to }]) => `${from.join(", ")} --(${name})--> ${[to].flat().join(" | ")}`)
    .join("\n");
}

describe("ARCHITECTURE.md", () => {
  checkLeaks();

  it("has the rooms and their imports from the tables that are checked", () => {
    const rooms = section("Rooms");
    assert.deepEqual(roomsIn(rooms, "daemon"), shownRooms(daemonRooms));
    assert.deepEqual(roomsIn(rooms, "extension"), shownRooms(extensionRooms));
  });

  it("has the states of a session and of a run from the tables of the code", () => {
    const states = section("States");
    for (const chart of [chartOf(sessionMoves), chartOf(runSteps)]) {
      assert.ok(states.includes(chart), `this chart is missing or old:\n${chart}`);
    }
  });

  it("follows one spawn through at most 14 files, none of which imports one above it", () => {
    const steps = [
      ...section("One spawn, followed through the files").matchAll(/`([\w/]+\.ts)` `(\w+)`/g),
    ];
    for (const [, file = "", name = ""] of steps) {
      assert.match(
        readDaemon(file),
        new RegExp(`\\b${name}\\b\\W*[(={<]`),
        `${file} has no ${name}`,
      );
    }
    const files = [...new Set(steps.map(([, file = ""]) => file))];
    assert.ok(files.length > 10 && files.length <= 14, `${files.length} files`);
    for (const [place, file] of files.entries()) {
      const targets = importsOf(`daemon/${file}`, readDaemon(file)).filter(({ isType }) => !isType);
      const above = files
        .slice(0, place)
        .filter((one) => targets.some(({ to }) => to === `daemon/${one}`));
      assert.deepEqual(above, [], `${file} reaches back`);
    }
  });

  it("names files that exist", () => {
    const all = globSync("{daemon,extension,test,scripts,protocol}/**/*.*", { cwd: repository });
    const isThere = (path: string) =>
      existsSync(join(repository, path)) || all.some((file) => file.endsWith(`/${path}`));
    const named = [...text.matchAll(/`([\w/.-]+\.(?:ts|cjs|md|json))`/g)].map(
      ([, path = ""]) => path,
    );
    const built = /^(connection|subAgentTools|acp|semver|extension|core)\.cjs$|^dist\//;
    assert.deepEqual(
      [...new Set(named)].filter((path) => !built.test(path) && !isThere(path)),
      [],
    );
  });
});
