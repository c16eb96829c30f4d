import { deepEqual, equal } from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { RealPaths } from "../../../extension/base/paths.ts";
import { SessionModel } from "../../../extension/sessions/sessionModel.ts";
import { defaultOptions, type TreeOptions } from "../../../extension/tree/treeOptions.ts";
import { VisibleSessions } from "../../../extension/tree/visibleSessions.ts";
import type { Session } from "../../../protocol/session.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { testFolder } from "../../support/testFolder.ts";
import { waitFor } from "../../support/waitFor.ts";
import { ended, live, root, session } from "../../terminal/sessionFixtures.ts";

const waitingFor = { kind: "approval" as const, ids: [] };
const waiting = { status: "suspended" as const, ...live, waitingFor };
const otherRoot = session("root2", { ...root, id: "root2", rootId: "root2", cwd: "/other" });

function visibleOf(sessions: readonly Session[], changes: Partial<TreeOptions> = {}) {
  const model = new SessionModel();
  model.replace(sessions);
  let options: TreeOptions = { ...defaultOptions, scope: "all", ...changes };
  const mine = new Set<string>();
  const visible = new VisibleSessions({
    model,
    options: () => options,
    folders: () => ["/work"],
    realPaths: new RealPaths(),
    isMine: (id) => mine.has(id),
  });
  const choose = (next: Partial<TreeOptions>) => {
    options = { ...options, ...next };
    visible.changed();
  };
  /** The rows as a person sees them with everything unfolded. */
  const drawn = (parentId?: string, depth = 0): string[] =>
    visible
      .children(parentId)
      .flatMap((id) => [`${" ".repeat(depth)}${id}`, ...drawn(id, depth + 1)]);
  return { model, visible, choose, drawn, mine };
}

describe("the sessions that are rows", () => {
  checkLeaks();

  const family = [
    root,
    session("a", { status: "completed", ...ended, title: "Build" }),
    session("a1", { parentId: "a", status: "running", ...live, title: "Lint the build" }),
    session("a2", { parentId: "a", status: "error", ...ended, agent: "claude" }),
    session("b", { ...waiting, title: "Docs" }),
  ];

  it("stand below each other in the order of the work, without the only root", () => {
    const { drawn, visible } = visibleOf(family);
    deepEqual(drawn(), ["a", " a1", " a2", "b"]);
    deepEqual([visible.parent("a"), visible.parent("a1")], [undefined, "a"]);
  });

  it("stand below their roots when there are several, and roots without any are no rows", () => {
    const { drawn, model, visible } = visibleOf([...family, otherRoot]);
    deepEqual(drawn(), ["a", " a1", " a2", "b"]);
    model.add(session("c", { parentId: "root2", rootId: "root2", cwd: "/other" }));
    visible.changed();
    deepEqual(drawn(), ["root", " a", "  a1", "  a2", " b", "root2", " c"]);
    equal(visible.parent("c"), "root2");
  });

  it("are found by text and by state, with what is above them", () => {
    const { drawn, choose, visible } = visibleOf(family, { text: "LINT" });
    deepEqual(drawn(), ["a", " a1"]);
    deepEqual(
      visible.found().map(({ id }) => id),
      ["a1"],
    );
    choose({ text: "", states: ["needsYou", "failed"] });
    deepEqual(drawn(), ["a", " a2", "b"]);
    choose({ text: "claude", states: ["live"] });
    deepEqual(drawn(), []);
    deepEqual(visible.counts(), { inScope: 4, outside: 0 });
  });

  it("are those of the workspace, or those that this window spawned, with all below them", () => {
    const elsewhere = session("c", { parentId: "root2", rootId: "root2", cwd: "/other" });
    const { drawn, choose, mine, visible } = visibleOf([...family, otherRoot, elsewhere], {
      scope: "workspace",
    });
    deepEqual(drawn(), ["a", " a1", " a2", "b"]);
    deepEqual(visible.counts(), { inScope: 4, outside: 1 });
    mine.add("a");
    choose({ scope: "mine" });
    deepEqual(drawn(), ["a", " a1", " a2"]);
  });

  it("are sorted as asked", () => {
    const { drawn, choose } = visibleOf(family);
    choose({ sort: "newest" });
    deepEqual(drawn(), ["b", "a", " a2", " a1"]);
    choose({ sort: "state" });
    deepEqual(drawn(), ["b", "a", " a1", " a2"]);
    choose({ sort: "title" });
    deepEqual(drawn(), ["a", " a1", " a2", "b"]);
  });

  it("are the newest thousand where there are more, until more are asked for", () => {
    const many = Array.from({ length: 1500 }, (_, n) => session(`s${1000 + n}`, {}));
    const { visible, choose } = visibleOf([root, ...many]);
    equal(visible.children(undefined).length, 1000);
    equal(visible.leftOut(undefined), 500);
    equal(visible.children(undefined).at(-1), "s2499");
    choose({ sort: "newest" });
    equal(visible.children(undefined)[0], "s2499");
    visible.showMore(undefined);
    equal(visible.children(undefined).length, 1500);
  });

  it("know whether a path lies in a folder", () => {
    const within = ["/work", "/work/a", "/work2", "/", "/wor"].filter((path) =>
      new RealPaths().isWithin(path, ["/work"]),
    );
    deepEqual(within, ["/work", "/work/a"]);
  });

  it("know a folder by each of its names", async () => {
    const folder = mkdtempSync(join(testFolder, "link-"));
    const [real, link] = [join(folder, "real"), join(folder, "link")];
    mkdirSync(join(real, "below"), { recursive: true });
    symlinkSync(real, link);
    const realPaths = new RealPaths();
    let changes = 0;
    realPaths.onDidChange(() => (changes += 1));
    const isBelow = (path: string, top: string) => realPaths.isWithin(path, [top]);
    equal(isBelow(join(real, "below"), link), false, "it is not looked up yet");
    await waitFor(() => changes > 0, "the link to be looked up");
    equal(isBelow(join(real, "below"), link), true);
    equal(isBelow(join(link, "below"), link), true);
    equal(isBelow(folder, link), false);
    await waitFor(() => isBelow(join(link, "below"), real), "the other way round");
    rmSync(folder, { recursive: true });
  });
});
