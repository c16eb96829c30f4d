/** What can be done in which state, what is asked before it, and what the manifest says of both. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  abilitiesOf,
  allAbilities,
  nothingBelow,
  type Below,
} from "../../../extension/sessions/abilities.ts";
import {
  confirmCancel,
  confirmClear,
  confirmDelete,
  confirmRestart,
  finishedIn,
} from "../../../extension/commands/confirmations.ts";
import { SessionModel } from "../../../extension/sessions/sessionModel.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { repository } from "../../support/repository.ts";
import { ended, live, root, session } from "../../terminal/sessionFixtures.ts";

const steering = ["cancel", "pause", "resume", "retry", "send", "delete", "wait"] as const;

describe("what can be done with a session", () => {
  checkLeaks();

  const can = (fields: Record<string, unknown>, below: Partial<Below> = {}) =>
    abilitiesOf(session("a", fields), { ...nothingBelow, ...below }).filter((one) =>
      (steering as readonly string[]).includes(one),
    );

  it("fits its state", () => {
    const waitingFor = { kind: "children", ids: [] };
    deepEqual(can({ status: "created" }), ["cancel", "retry", "send", "delete"]);
    deepEqual(can({ status: "queued" }), ["cancel", "pause", "send", "delete", "wait"]);
    deepEqual(can({ status: "running", ...live }), ["cancel", "send", "delete", "wait"]);
    const running = { status: "running", ...live };
    const waiting = { status: "suspended", ...live, waitingFor };
    deepEqual(can(waiting), ["cancel", "send", "delete", "wait"]);
    for (const one of [running, waiting]) {
      ok(can({ ...one, runner: "model" }).includes("pause"));
      ok(!can({ ...one, runner: "model", adopted: true }).includes("pause"));
      ok(!can({ ...one, runner: "acp" }).includes("pause"));
    }
    deepEqual(can({ status: "paused" }), ["cancel", "resume", "send", "delete", "wait"]);
    deepEqual(can({ status: "completed", ...ended }), ["retry", "send", "delete"]);
  });

  it("fits what is below it: a run that has ended may have left children that go on", () => {
    const over = { status: "completed", ...ended };
    deepEqual(can(over, { open: 1 }), ["cancel", "retry", "send", "delete", "wait"]);
    ok(can(over, { open: 1, pausable: 1 }).includes("pause"));
    ok(can(over, { open: 1, paused: 1 }).includes("resume"));
  });

  it("is little where an outside agent steers it", () => {
    deepEqual(can({ status: "running", ...live, adopted: true }), ["wait"]);
    deepEqual(can({ status: "completed", ...ended, adopted: true }), ["delete"]);
  });

  it("is only about the tree for a root", () => {
    deepEqual(abilitiesOf(root, nothingBelow), ["spawnChild", "cost", "rename", "delete"]);
  });
});

describe("what is asked before something is ended or removed", () => {
  checkLeaks();

  const model = new SessionModel();
  model.replace([
    root,
    session("a", { status: "running", ...live, title: "Build" }),
    session("a1", { parentId: "a", status: "queued", position: 1, title: "Lint" }),
    session("a2", { parentId: "a", status: "completed", ...ended, title: "Done" }),
    session("b", { status: "error", ...ended, title: "Failed" }),
    session("b1", { parentId: "b", status: "completed", ...ended, title: "Below" }),
  ]);
  const of = (...ids: string[]) => ids.flatMap((id) => model.get(id) ?? []);

  it("names what a cancel ends, and nothing is asked for a single run", () => {
    equal(confirmCancel(of("a1"), model), undefined);
    equal(confirmCancel(of("b"), model), undefined);
    deepEqual(confirmCancel(of("a", "a1"), model), {
      message: "Cancel 2 sub-agents?",
      detail: "• Build (running)\n• Lint (queued, place 1)",
      button: "Cancel 2 Sub-agents",
      dismiss: "Let Them Go On",
    });
  });

  it("names what a deletion removes, and what it cancels for that", () => {
    const { message, detail } = confirmDelete(of("a"), model);
    equal(message, "Delete 3 sub-agents with all transcripts?");
    ok(detail.startsWith("2 of them are not over and will be cancelled. This cannot be undone."));
    const whole = confirmDelete(of("root", "a"), model);
    equal(whole.message, "Delete 1 root and 5 sub-agents with all transcripts?");
  });

  it("clears whole subtrees that are over, and no other", () => {
    const finished = finishedIn([...model.all()], model);
    deepEqual(
      finished.map(({ id }) => id),
      ["a2", "b"],
    );
    equal(
      confirmClear(finished, model).message,
      "Delete 3 finished sub-agents with all transcripts?",
    );
  });

  it("says what a restart of the daemon interrupts", () => {
    equal(confirmRestart(model)?.message, "Restart the daemon and interrupt 1 running sub-agent?");
    equal(confirmRestart(new SessionModel()), undefined);
  });
});

interface Command {
  command: string;
  title: string;
  category?: string;
  enablement?: string;
}

describe("the manifest's commands", () => {
  checkLeaks();

  const { contributes } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as {
    contributes: {
      commands: Command[];
      menus: Record<string, { command?: string; when?: string; group?: string }[]>;
      keybindings: { command: string; key: string; when: string }[];
      viewsWelcome: { contents: string; when?: string }[];
    };
  };
  const source = globSync("extension/**/*.ts", { cwd: repository })
    .map((file) => readFileSync(join(repository, file), "utf8"))
    .join("\n");
  const known = new Set(contributes.commands.map(({ command }) => command));

  it("are all registered, and all that are registered are in the palette or said not to be", () => {
    const missing = [...known].filter((command) => {
      const name = command.replace("offshoot.view.", "");
      return !source.includes(`"${name}"`) && !source.includes(`"${command}"`);
    });
    deepEqual(missing, []);
    for (const [, name] of source.matchAll(/(?<![.\w])add\(\s*"(\w+)",/g)) {
      ok(known.has(`offshoot.view.${name ?? ""}`), `${name ?? ""} is not contributed`);
    }
  });

  it("stand under one category, each with an own title", () => {
    deepEqual(
      contributes.commands.filter(({ category }) => category !== "Offshoot"),
      [],
    );
    equal(
      new Set(contributes.commands.map(({ title }) => title)).size,
      contributes.commands.length,
    );
  });

  it("are the only ones that menus, keys and welcome texts name", () => {
    const named = [
      ...Object.values(contributes.menus).flatMap((items) => items.map(({ command }) => command)),
      ...contributes.keybindings.map(({ command }) => command),
      ...contributes.viewsWelcome.flatMap(({ contents }) =>
        [...contents.matchAll(/command:(offshoot\.[\w.]+)/g)].map(([, command]) => command),
      ),
    ];
    deepEqual(
      named.filter((command) => command === undefined || !known.has(command)),
      [],
    );
  });

  it("ask for abilities that there are", () => {
    const text = JSON.stringify(contributes);
    const asked = [...text.matchAll(/offshoot\.can\.(\w+)|;(\w+);/g)].map(
      ([, a, b]) => a ?? b ?? "",
    );
    const unknown = asked.filter((one) => !(allAbilities as readonly string[]).includes(one));
    deepEqual(unknown, []);
    deepEqual(
      allAbilities.filter((one) => !asked.includes(one)),
      [],
    );
  });

  it("run nothing in a workspace that is not trusted", () => {
    const running = ["spawn", "spawnChild", "spawnFromEditor", "spawnWithFiles", "retry", "send"];
    for (const name of [...running, "resume"]) {
      const found = contributes.commands.find(({ command }) => command === `offshoot.view.${name}`);
      ok(found?.enablement?.startsWith("isWorkspaceTrusted"), name);
    }
  });

  it("show at most three buttons on a row", () => {
    const inline = (contributes.menus["view/item/context"] ?? []).filter(
      ({ group, when }) => group?.startsWith("inline") && when?.includes("offshoot.sessions"),
    );
    const places = [
      "created",
      "queued",
      "running",
      "suspended",
      "paused",
      "completed",
      "error",
    ] as const;
    for (const status of places) {
      const abilities = abilitiesOf(session("a", { status, ...live, ...ended, result: "r" }), {
        ...nothingBelow,
      });
      const item = `session.${status};${abilities.join(";")};`;
      const shown = inline.filter(({ when = "" }) => {
        const [, pattern = ""] = /viewItem =~ \/(.*)\//.exec(when) ?? [];
        return new RegExp(pattern).test(item);
      });
      ok(shown.length >= 1 && shown.length <= 3, `${status}: ${shown.length}`);
    }
  });
});
