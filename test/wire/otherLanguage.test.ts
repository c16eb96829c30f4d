import { deepEqual, fail } from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { repository } from "../support/repository.ts";
import { wireSuite } from "../support/wire.ts";

const support = join(repository, "test", "support");

/** Clients in other languages, of the standard library only; the first that is there is used. */
const clients = [
  { program: "python3", script: join(support, "client.py"), needs: ["-c", "import json"] },
  { program: "perl", script: join(support, "client.pl"), needs: ["-MJSON::PP", "-e", "1"] },
];
const isThere = ({ program, needs }: (typeof clients)[0]) => spawnSync(program, needs).status === 0;
const chosen = clients.find(isThere);

describe("wire: a client in another language, written from protocol.md alone", () => {
  const wire = wireSuite();

  if (chosen?.program !== "python3") {
    it(`is not run in python3, which is not there, but in ${chosen?.program ?? "no language"}`);
  }

  it(`spawns, watches, sends, cancels, waits, and misses nothing while away (${chosen?.program})`, async () => {
    if (chosen === undefined) return fail("neither python3 nor perl is there to run a client in");
    const front = [process.execPath, join(repository, "daemon", "main.ts"), "--stdio"];
    const args = [chosen.script, wire.daemon.work, ...front];
    const child = spawn(chosen.program, args, {
      env: wire.daemon.environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    const [code] = (await once(child, "close")) as [number | null];
    deepEqual(
      [code, output.trim().split("\n")],
      [
        0,
        [
          "a run can be watched from start to end",
          "a message starts another run of the same session",
          "cancel ends one session and not its sibling",
          "faults are answered, and the connection goes on",
          "nothing is missed while away",
          "done",
        ],
      ],
    );
  });
});
