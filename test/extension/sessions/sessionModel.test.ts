import { deepEqual, equal } from "node:assert/strict";
import { SessionModel } from "../../../extension/sessions/sessionModel.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { ended, live, session } from "../../terminal/sessionFixtures.ts";

describe("the extension's model of the sessions", () => {
  checkLeaks();

  it("takes newer versions and ignores older ones, in whatever order they come", () => {
    const model = new SessionModel();
    model.replace([session("b", {}), session("a", { version: 3 })]);
    model.add(session("a", { version: 2, title: "late" }));
    equal(model.get("a")?.version, 3);
    model.add(session("a", { version: 4, title: "new" }));
    deepEqual(
      model.children("root").map(({ title }) => title),
      ["new", "task b"],
    );
    model.remove(["a", "unknown"]);
    deepEqual(
      model.children("root").map(({ id }) => id),
      ["b"],
    );
  });

  it("tells exactly what changed, came and went", () => {
    const model = new SessionModel();
    const told: unknown[] = [];
    model.onDidChange((ids) => told.push(ids));
    model.replace([session("a", { status: "running", ...live })]);
    model.add(session("b", { status: "queued", position: 2 }));
    model.add(session("b", { status: "queued", position: 2 }));
    model.renumber(
      new Map([
        ["a", 1],
        ["b", 1],
      ]),
    );
    model.add(session("c", {}), session("a", {}));
    model.remove(["c"]);
    deepEqual(told, [undefined, ["b"], ["b"], ["c"], ["c"]]);
  });

  it("lays what a heartbeat says over a live session, and over no other", () => {
    const model = new SessionModel();
    const activity = { kind: "tool", label: "npm test" } as const;
    model.replace([
      session("a", { status: "running", ...live, activity }),
      session("b", { status: "completed", ...ended }),
    ]);
    const facts = { lastHeartbeatAt: 9, lastProgressAt: 8 };
    model.overlay("a", facts);
    model.overlay("b", facts);
    const beaten = model.get("a");
    deepEqual(beaten && "activity" in beaten ? beaten.activity : undefined, undefined);
    equal(beaten && "lastHeartbeatAt" in beaten && beaten.lastHeartbeatAt, 9);
    equal("lastHeartbeatAt" in (model.get("b") ?? {}), false);
  });

  it("walks a subtree as it is read, however deep", () => {
    const model = new SessionModel();
    model.replace([
      session("c", { parentId: "b" }),
      session("b", { parentId: "a" }),
      session("a", {}),
      session("d", { parentId: "a" }),
    ]);
    deepEqual(
      model.subtree("a").map(({ id }) => id),
      ["a", "b", "c", "d"],
    );
  });
});
