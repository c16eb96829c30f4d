import { deepEqual, equal } from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { notificationLevel, notificationLevels } from "../../../extension/editor/settings.ts";
import { claimDelayMs, createClaims } from "../../../extension/notifications/claims.ts";
import {
  passesLevel,
  newsOfApproval,
  newsOfCompletion,
  newsOfSession,
  noticesOf,
  type News,
} from "../../../extension/notifications/news.ts";
import type { Completion } from "../../../protocol/messages.ts";
import { noUsage, type Session } from "../../../protocol/session.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { testFolder } from "../../support/testFolder.ts";

function session(id: string, more: object = {}): Session {
  const base = {
    id,
    kind: "child",
    parentId: "root",
    rootId: "root",
    depth: 1,
    title: `title of ${id}`,
    agent: "shell",
    cwd: "/w",
    version: 1,
    createdAt: 0,
    updatedAt: 0,
    lastSeq: 0,
    messageCount: 1,
    usage: noUsage,
    treeUsage: noUsage,
    limits: {},
    status: "created",
  } as const;
  return Object.assign({}, base, more) as Session;
}

const live = { runId: "r", attempt: 1, startedAt: 1, lastHeartbeatAt: 1, lastProgressAt: 1 };
const running = { ...live, status: "running", stalled: false };

function completion(more: Partial<Completion> = {}): Completion {
  const run = { parentSessionId: "root", childSessionId: "a", runId: "r", attempt: 1 };
  return { ...run, completionSeq: 1, status: "completed", usage: noUsage, stored: true, ...more };
}

const asked = newsOfApproval({
  id: "7",
  sessionId: "a",
  path: [{ id: "a", title: "[all](command:workbench.action.quit)" }],
  runId: "r",
  toolName: "Bash",
  kind: "execute",
  title: "rm x",
  input: {},
  options: [],
  requestedAt: 0,
});

describe("news for a notification", () => {
  checkLeaks();
  const error = { code: "auth", message: "no key", retryable: false } as const;

  it("are ends that nobody has asked for, questions, and waiting for words", () => {
    const told = (more: Partial<Completion>, of = session("a")) =>
      newsOfCompletion(completion(more), of)?.text;
    equal(told({}), "“title of a” has finished.");
    equal(told({ status: "error", error }), "“title of a” has failed: no key.");
    equal(
      told({ status: "interrupted", reason: "host_restart" }),
      "“title of a” was interrupted: the daemon ended.",
    );
    equal(told({ status: "cancelled" }), undefined);
    equal(told({ status: "skipped" }), undefined);
    equal(told({ status: "interrupted", reason: "host_shutdown" }), undefined);
    const waits = { ...live, status: "suspended", stalled: false, suspendedAt: 5 };
    const input = session("a", { ...waits, waitingFor: { kind: "input", ids: [] } });
    equal(newsOfSession(input)?.text, "“title of a” needs a message from you to go on.");
    equal(newsOfSession(session("a", running)), undefined);
  });

  it("are told as the setting wants", () => {
    const news = {
      question: asked,
      "own failure": newsOfCompletion(completion({ status: "error", error }), session("a")),
      "failure of a child's child": newsOfCompletion(
        completion({ status: "timeout" }),
        session("b", { depth: 2 }),
      ),
      end: newsOfCompletion(completion(), session("a")),
    };
    const wanted = notificationLevels.map((level) =>
      Object.entries(news).flatMap(([name, one]) => (one && passesLevel(level, one) ? [name] : [])),
    );
    deepEqual(wanted, [
      ["question", "own failure", "failure of a child's child", "end"],
      ["question", "own failure"],
      ["own failure", "failure of a child's child"],
      [],
    ]);
    equal(notificationLevel({ get: () => "nonsense" }), "needsMe");
  });

  it("are one notification each while they are few, and one for all of a kind beyond", () => {
    const end = (nth: number): News => ({
      key: `end-${nth}`,
      about: "finished",
      sessionId: String(nth),
      text: `${nth} has finished.`,
      needsPerson: false,
    });
    const texts = (news: News[]) => noticesOf(news).map(({ text }) => text);
    deepEqual(texts([end(1), end(2)]), ["1 has finished.", "2 has finished."]);
    deepEqual(texts([end(1), asked, end(2), end(3), end(4)]), [
      "4 sub-agents have finished.",
      "“[all] (command:workbench.action.quit)” wants to run a command: rm x",
    ]);
  });

  it("are one for all that the same thing has befallen, however few they are", () => {
    const lost = (nth: number, reason: string) =>
      newsOfCompletion(
        completion({ runId: `r${nth}`, status: "interrupted", reason }),
        session("a"),
      ) ?? asked;
    const failed = newsOfCompletion(completion({ status: "error", error }), session("a")) ?? asked;
    const died = [1, 2, 3].map((nth) => lost(nth, "host_restart"));
    deepEqual(
      noticesOf([...died, failed, lost(4, "runner_lost")]).map(({ text, news }) => [
        text,
        news.length,
      ]),
      [
        ["3 sub-agents were interrupted: the daemon ended.", 3],
        ["“title of a” has failed: no key.", 1],
        ["“title of a” was interrupted: its agent was lost.", 1],
      ],
    );
  });
});

describe("of all windows one tells", () => {
  checkLeaks();
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(testFolder, "claims-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("each piece of news, however many claim it at the same time", async () => {
    const told = join(folder, "told");
    const windows = Array.from({ length: 8 }, () => createClaims(told, Date.now));
    const answers = await Promise.all(windows.map((claim) => claim("end-r/1")));
    equal(answers.filter(Boolean).length, 1);
    equal(await createClaims(told, Date.now)("end-r/2"), true);
  });

  it("and what is long past is forgotten", async () => {
    await createClaims(folder, Date.now)("old");
    await createClaims(folder, Date.now)("new");
    utimesSync(join(folder, "old"), 0, 0);
    equal(await createClaims(folder, Date.now)("newer"), true);
    deepEqual(readdirSync(folder).toSorted(), ["new", "newer"]);
  });

  it("rather all of them than none, where nothing can be written", async () => {
    equal(await createClaims(join("/dev/null", "x"), Date.now)("a"), true);
  });

  it("the one that a person looks at first, then the one of the session's folder", () => {
    const windows = [true, false].flatMap((isFocused) =>
      [true, false].map((hasFolder) => claimDelayMs({ isFocused, hasFolder })),
    );
    deepEqual(
      windows,
      windows.toSorted((one, other) => one - other),
    );
    equal(new Set(windows).size, 4);
  });
});
