import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { wireSuite } from "../support/wire.ts";

describe("wire: a cwd", () => {
  const wire = wireSuite();
  const folders: Record<string, (work: string) => string> = {
    "a folder that is not there": (work) => join(work, "none"),
    "a file": (work) => join(work, "file"),
    "a path below a file": (work) => join(work, "file", "x"),
    "a link to nothing": (work) => join(work, "dangling"),
    "a path that is too long": () => `/${"x".repeat(5000)}`,
    "a name with a zero": (work) => `${work}/\0`,
  };
  const methods: Record<string, (cwd: string) => object> = {
    "session/create": (cwd) => ({ cwd }),
    "session/spawn": (cwd) => ({ cwd, prompt: "true" }),
  };

  it("that cannot be used is refused with 1013, before anything is stored", async () => {
    const client = await wire.socket();
    await client.open();
    writeFileSync(join(wire.daemon.work, "file"), "");
    symlinkSync("nowhere", join(wire.daemon.work, "dangling"));
    const { sessions } = await client.call("daemon/status");
    for (const [name, pathIn] of Object.entries(folders)) {
      const cwd = pathIn(wire.daemon.work);
      for (const [method, paramsFor] of Object.entries(methods)) {
        const { error } = await client.ask(method, paramsFor(cwd));
        deepEqual([error?.code, error?.data], [1013, { kind: "cwdNotFound", cwd }], name);
        ok(error?.message.includes(cwd), name);
      }
    }
    equal((await client.call("daemon/status")).sessions, sessions);
  });

  it("says of a file that it is one", async () => {
    const client = await wire.socket();
    await client.open();
    const { error } = await client.ask("session/create", { cwd: join(wire.daemon.work, "file") });
    match(error?.message ?? "", /is a file/);
  });

  it("of a parent that has gone is refused too, and one of an override", async () => {
    const client = await wire.socket();
    await client.open();
    const cwd = join(wire.daemon.work, "soon-gone");
    mkdirSync(cwd);
    const { session } = await client.call("session/create", { cwd });
    const overrides = { cwd: "below" };
    const below = await client.ask("session/spawn", {
      parentId: session.id,
      prompt: "true",
      overrides,
    });
    deepEqual(below.error?.data, { kind: "cwdNotFound", cwd: join(cwd, "below") });
    rmSync(cwd, { recursive: true });
    const gone = await client.ask("session/spawn", { parentId: session.id, prompt: "true" });
    deepEqual(gone.error?.data, { kind: "cwdNotFound", cwd });
  });

  it("is kept without detours, so that one folder has one root", async () => {
    const client = await wire.socket();
    await client.open();
    const { work } = wire.daemon;
    const roots = [];
    for (const cwd of [work, `${work}/`, `${work}/../${work.split("/").at(-1)}/.`]) {
      const { session } = await client.call("session/spawn", {
        cwd,
        prompt: "x",
        autoRun: false,
      });
      equal(session.cwd, work);
      roots.push(session.rootId);
    }
    equal(new Set(roots).size, 1);
  });
});
