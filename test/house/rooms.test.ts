/** The rooms keep to their table, and no files import each other in a circle. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkLeaks } from "../support/leaks.ts";
import { repository } from "../support/repository.ts";
import { extensionRooms } from "./extensionRooms.ts";
import { circlesOf, daemonRooms, faultsOfRooms } from "./rooms.ts";
import { importsOf, withoutComments, type Import } from "./sourceRules.ts";

function importsIn(folders: string): Import[] {
  return globSync(`${folders}/**/*.ts`, { cwd: repository })
    .map((path) => path.replaceAll("\\", "/"))
    .flatMap((path) =>
      importsOf(path, withoutComments(readFileSync(join(repository, path), "utf8"))),
    );
}

describe("the rooms", () => {
  checkLeaks();

  it("of the daemon import what their table allows, and need each of its lines", () => {
    const inside = importsIn("daemon").filter(({ to }) => to.startsWith("daemon/"));
    assert.ok(inside.length > 500, "hardly any import was found");
    assert.deepEqual(faultsOfRooms(inside, daemonRooms), []);
  });

  it("of the extension import what their table allows, and need each of its lines", () => {
    const inside = importsIn("extension").filter(({ to }) => to.startsWith("extension/"));
    assert.ok(inside.length > 300, "hardly any import was found");
    assert.deepEqual(faultsOfRooms(inside, extensionRooms), []);
  });

  it("have no circles, types included", () => {
    assert.deepEqual(circlesOf(importsIn("{protocol,daemon,extension}")), []);
  });
});

describe("the table of the rooms", () => {
  checkLeaks();

  const rooms = { low: [], high: ["low"], top: ["types of high", "low/a.ts"] };
  const into = (from: string, to: string, isType = false) => ({
    from: `daemon/${from}`,
    to: `daemon/${to}`,
    isType,
  });
  const needed = [
    into("high/x.ts", "low/a.ts"),
    into("top/x.ts", "high/x.ts", true),
    into("top/y.ts", "low/a.ts"),
  ];

  it("finds nothing where every line is needed and none is missing", () => {
    assert.deepEqual(faultsOfRooms(needed, rooms), []);
  });

  it("finds a missing line, one for types where more is imported, and one for another file", () => {
    const wrong = [
      into("low/a.ts", "high/x.ts"),
      into("top/x.ts", "high/x.ts"),
      into("top/x.ts", "low/b.ts"),
    ];
    assert.deepEqual(faultsOfRooms([...needed, ...wrong], rooms), [
      "daemon/low/a.ts imports daemon/high/x.ts: low may not import high",
      "daemon/top/x.ts imports daemon/high/x.ts: top may not import high",
      "daemon/top/x.ts imports daemon/low/b.ts: top may not import low",
    ]);
  });

  it("finds a stale line, and one that leads upwards", () => {
    const faults = faultsOfRooms(needed, { ...rooms, low: ["top"] });
    assert.deepEqual(faults, [
      "no file of low imports top: the line is stale",
      "low may import top, which stands below it",
    ]);
  });

  it("finds circles through types", () => {
    const circle = [
      into("a.ts", "b.ts"),
      into("b.ts", "c.ts", true),
      into("c.ts", "a.ts"),
      into("d.ts", "a.ts"),
    ];
    assert.deepEqual(circlesOf(circle), [["daemon/a.ts", "daemon/b.ts", "daemon/c.ts"]]);
  });
});
