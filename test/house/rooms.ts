import type { Import } from "./sourceRules.ts";

type Rooms = Readonly<Record<string, readonly string[]>>;

/**
 * The rooms of the daemon and what each may import besides `protocol`, lowest first: a room imports
 * only rooms that stand above it in this list. `types of X` allows types alone, a path one file.
 */
export const daemonRooms: Rooms = {
  base: [],
  wire: [],
  processes: ["base"],
  config: ["base"],
  sessions: ["types of config", "base"],
  store: ["sessions", "base"],
  "agent/contract": ["base"],
  agent: ["agent/contract", "processes", "base"],
  runners: ["sessions", "processes", "agent/contract", "base"],
  profiles: [
    ...["types of runners", "runners/knownAgents.ts", "types of sessions", "agent/contract"],
    ...["config", "base"],
  ],
  permissions: ["types of runners", "sessions", "types of store", "base"],
  runs: [
    ...["permissions", "profiles", "types of runners", "types of store", "sessions", "processes"],
    ...["config", "base"],
  ],
  server: [
    ...["runs", "permissions", "profiles", "types of runners", "store", "sessions", "wire"],
    ...["config", "base"],
  ],
  core: [
    ...["server", "runs", "permissions", "profiles", "runners", "store", "sessions", "processes"],
    ...["config", "base"],
  ],
  client: ["wire", "processes", "base"],
  front: ["client", "wire", "processes", "base"],
  mcp: ["client", "base"],
  terminal: ["client", "agent/contract", "config", "profiles", "store", "base"],
  ".": ["core", "front", "agent", "mcp", "terminal", "client", "wire", "config", "base"],
};

/** The room of a file: its folder below `daemon/`, `.` for a file beside the rooms. */
export function roomOf(path: string, rooms: Rooms): string {
  const folders = path.split("/").slice(1, -1);
  const names = folders.map((_, place) => folders.slice(0, place + 1).join("/"));
  return names.findLast((name) => Object.hasOwn(rooms, name)) ?? folders[0] ?? ".";
}

/** A sentence for each import that no line allows, and for each line that nothing needs. */
export function faultsOfRooms(imports: readonly Import[], rooms: Rooms): string[] {
  const used = new Set<string>();
  const missing = imports.flatMap(({ from, to, isType }) => {
    const [room, target] = [roomOf(from, rooms), roomOf(to, rooms)];
    if (room === target) return [];
    const file = to.split("/").slice(1).join("/");
    const allowed = rooms[room] ?? [];
    const line = [file, target, ...(isType ? [`types of ${target}`] : [])].find((one) =>
      allowed.includes(one),
    );
    if (line !== undefined) used.add(`${room}: ${line}`);
    return line === undefined ? [`${from} imports ${to}: ${room} may not import ${target}`] : [];
  });
  const stale = Object.entries(rooms).flatMap(([room, allowed]) =>
    allowed
      .filter((line) => !used.has(`${room}: ${line}`))
      .map((line) => `no file of ${room} imports ${line}: the line is stale`),
  );
  const order = Object.keys(rooms);
  const backwards = Object.entries(rooms).flatMap(([room, allowed]) =>
    allowed
      .map((line) => roomOf(`daemon/${line.replace("types of ", "")}/x.ts`, rooms))
      .filter((other) => order.indexOf(other) >= order.indexOf(room))
      .map((other) => `${room} may import ${other}, which stands below it`),
  );
  return [...missing, ...stale, ...backwards];
}

/** Every circle of files that import each other, types included. */
export function circlesOf(imports: readonly Import[]): string[][] {
  const targets = new Map<string, string[]>();
  for (const { from, to } of imports) targets.set(from, [...(targets.get(from) ?? []), to]);
  const reaches = (from: string): Set<string> => {
    const seen = new Set<string>();
    const open = [...(targets.get(from) ?? [])];
    for (let file = open.pop(); file !== undefined; file = open.pop()) {
      if (seen.has(file)) continue;
      seen.add(file);
      open.push(...(targets.get(file) ?? []));
    }
    return seen;
  };
  const reached = new Map([...targets.keys()].map((file) => [file, reaches(file)]));
  const inCircle = [...reached].filter(([file, seen]) => seen.has(file)).map(([file]) => file);
  const circles = inCircle.map((file) =>
    inCircle.filter((other) => reached.get(file)?.has(other) && reached.get(other)?.has(file)),
  );
  return [...new Map(circles.map((circle) => [circle.join(), circle])).values()];
}
