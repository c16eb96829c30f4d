/** The timeline beside a real daemon: what is stored of real runs, and what the picture makes of it. */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { DaemonClient } from "../../../extension/daemon/daemonClient.ts";
import { SessionSync } from "../../../extension/daemon/sessionSync.ts";
import { SessionModel } from "../../../extension/sessions/sessionModel.ts";
import type { Lane } from "../../../extension/timeline/lanes.ts";
import { changedLane, type LanesMessage } from "../../../extension/timeline/messages.ts";
import { TreeFeed } from "../../../extension/timeline/treeFeed.ts";
import { startDaemon, type TestClient, type TestDaemon } from "../../support/daemon.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { agentFile } from "../../support/runContext.ts";
import { gate, sessionOf, until } from "../../support/runs.ts";
import { waitFor } from "../../support/waitFor.ts";

describe("the timeline follows a daemon", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  let feed: TreeFeed;
  let messages: LanesMessage[];
  let asked: string[];
  const lanes = new Map<string, Lane>();
  const complaints: string[] = [];
  const complain = (text: string) => void complaints.push(text);
  const log = { error: complain, warn: complain };

  before(async () => {
    const talker = [agentFile("json-claude-talk.mjs")];
    daemon = startDaemon({
      concurrency: { total: 1, perRoot: 1 },
      agents: [
        {
          name: "asker",
          runner: {
            kind: "command",
            command: process.execPath,
            args: talker,
            promptVia: "stdin",
            format: "claude-stream-json",
          },
        },
        {
          name: "crasher",
          runner: {
            kind: "command",
            command: "/bin/sh",
            args: ["-c", "kill -9 $$"],
            format: "claude-stream-json",
          },
          restart: { max: 1, backoffMs: 50 },
        },
      ],
    });
    client = await daemon.client({ subscribe: "nothing" });
  });
  after(() => daemon.stop());
  afterEach(() => {
    feed.dispose();
    deepEqual(complaints, []);
  });

  /** A page that draws nothing, beside the extension's own model. */
  async function follow(rootId: string): Promise<void> {
    messages = [];
    asked = [];
    lanes.clear();
    const listeners = new Map<string, Set<(params: never) => void>>();
    const calls: Pick<DaemonClient, "state" | "call" | "on" | "onConnected" | "onDidChangeState"> =
      {
        state: { kind: "connected" },
        call(method, params) {
          asked.push(method);
          return client.call(method, params);
        },
        on(method, handler) {
          const known = listeners.get(method) ?? new Set();
          if (known.size === 0) {
            client.connection.onNotification(method as string, (params: unknown) => {
              for (const one of known) one(params as never);
            });
          }
          listeners.set(method, known.add(handler));
          return { dispose: () => void known.delete(handler) };
        },
        onConnected: (handler) => {
          connected.push(handler);
          return { dispose: () => undefined };
        },
        onDidChangeState: () => ({ dispose: () => undefined }),
      };
    const connected: (() => void)[] = [];
    const model = new SessionModel();
    const daemonClient = calls as DaemonClient;
    const following = new SessionSync(daemonClient, model, log);
    const parts = { client: daemonClient, model, log, start: () => following.upToDate() };
    feed = new TreeFeed(parts, rootId, (message) => {
      messages.push(message);
      for (const change of message.changed) {
        lanes.set(change.sessionId, changedLane(lanes.get(change.sessionId), change));
      }
    });
    for (const handler of connected) handler();
    feed.sendAll();
    await waitFor(() => messages.length > 0, "the first message");
  }

  async function newRoot(): Promise<string> {
    const { session } = await client.call("session/create", { cwd: daemon.work });
    return session.id;
  }

  const kindsOf = (id: string) => lanes.get(id)?.spans.map(({ kind, run }) => `${kind} ${run}`);
  const endsOf = (id: string) => lanes.get(id)?.ends.map(({ status }) => status);
  const shows = (id: string, word: string) =>
    waitFor(() => lanes.get(id)?.word === word, `${id} to be shown as ${word}`, {
      describe: () => lanes.get(id),
    });

  it("shows live how sessions are queued, paused, run, end and run again", async () => {
    const parentId = await newRoot();
    await follow(parentId);
    const held = gate(daemon.work);
    const before = Date.now();
    const first = await client.shell(held.wait, { parentId });
    const second = await client.shell("echo late", { parentId });
    const third = await client.shell("echo never", { parentId });
    await held.reached();
    await client.call("session/pause", { sessionId: second });
    await client.call("session/cancel", { sessionId: third });
    await shows(second, "paused");
    await shows(third, "cancelled");
    deepEqual(kindsOf(second), ["queued 1", "paused 1"]);
    deepEqual([kindsOf(third), endsOf(third)], [["queued 1"], ["cancelled"]]);
    held.open();
    await shows(first, "completed");
    await client.call("session/resume", { sessionId: second });
    await shows(second, "completed");
    deepEqual(kindsOf(second), ["queued 1", "paused 1", "queued 1", "running 1"]);
    await client.call("session/send", { sessionId: first, text: "echo again" });
    await waitFor(() => endsOf(first)?.length === 2, "the second end");
    deepEqual(kindsOf(first), ["queued 1", "running 1", "queued 2", "running 2"]);
    const spans = lanes.get(first)?.spans ?? [];
    ok(spans.every(({ torn }) => torn === undefined));
    const times = spans.flatMap(({ from, to = Infinity }) => [from, to]);
    deepEqual(
      times,
      times.toSorted((a, b) => a - b),
      "one after the other",
    );
    ok((times[0] ?? 0) >= before - 1 && (times.at(-1) ?? Infinity) <= Date.now());
    ok(!asked.includes("session/events"), "nothing was in sight");
    deepEqual(messages.findLast(({ order }) => order)?.order, [first, second, third]);
  });

  it("reads what is in sight: waits, approvals, retries, tools and earlier runs", async () => {
    const parentId = await newRoot();
    const command = "offshoot wait $(offshoot spawn -- 'echo from the child')";
    const parent = await client.shell(command, { parentId });
    const crasher = await client.shell("x", { parentId, agent: "crasher" });
    const asker = await client.shell("ask", { parentId, agent: "asker" });
    await until(client, asker, "suspended");
    const { approvals } = await client.call("approval/list", { rootId: parentId });
    const [approval] = approvals;
    equal(approval?.sessionId, asker);
    await client.call("approval/respond", {
      approvalId: approval?.id ?? "",
      decision: "allowOnce",
    });
    await until(client, asker, "completed");
    await until(client, crasher, "error");
    await until(client, parent, "completed");
    await client.call("session/send", { sessionId: parent, text: "echo again" });
    await until(client, parent, "completed");
    await follow(parentId);
    deepEqual(kindsOf(asker), ["queued 1", "running 1"]);
    feed.setVisible([...lanes.keys()]);
    const isRead = () => [...lanes.values()].every(({ read }) => read === "all");
    await waitFor(isRead, "all histories", { describe: () => [...lanes.values()] });
    deepEqual(kindsOf(asker), ["queued 1", "running 1", "approval 1", "running 1"]);
    deepEqual(
      lanes.get(asker)?.tools.map(({ title, status }) => [title, status]),
      [["Bash: rm x", "completed"]],
    );
    equal(lanes.get(asker)?.own.costUsd, 0.1);
    const crashed = kindsOf(crasher) ?? [];
    deepEqual(crashed.slice(0, 3), ["queued 1", "running 1", "retry 1"]);
    deepEqual(
      lanes.get(crasher)?.marks.map(({ kind }) => kind),
      ["retry"],
    );
    deepEqual(kindsOf(parent), [
      ...["queued 1", "running 1", "children 1", "running 1"],
      ...["queued 2", "running 2"],
    ]);
    deepEqual(lanes.get(parent)?.spans[1]?.torn, "start", "its start is stored nowhere");
  });

  it("asks again for what runs in sight, and for nothing while nobody looks", async () => {
    const parentId = await newRoot();
    const held = gate(daemon.work);
    const id = await client.shell("ask", { parentId, agent: "asker" });
    await until(client, id, "suspended");
    await follow(parentId);
    feed.setVisible([id]);
    await waitFor(() => lanes.get(id)?.tools.length === 1, "the tool call");
    const { approvals } = await client.call("approval/list", { rootId: parentId });
    await client.call("approval/respond", {
      approvalId: approvals[0]?.id ?? "",
      decision: "denyOnce",
    });
    await waitFor(() => lanes.get(id)?.tools[0]?.to !== undefined, "its end");
    feed.pause();
    const told = messages.length;
    await client.shell(held.wait, { parentId });
    await held.reached();
    equal(messages.length, told);
    held.open();
    feed.sendAll();
    await waitFor(() => messages.at(-1)?.order?.length === 2, "both lanes");
    await client.call("session/cancel", { sessionId: parentId });
  });

  it("reads the whole tree for the export, and forgets what is removed", async () => {
    const parentId = await newRoot();
    const ids: string[] = [];
    for (const n of [1, 2, 3]) ids.push(await client.shell(`echo ${n}`, { parentId }));
    for (const id of ids) await until(client, id, "completed");
    await follow(parentId);
    const done: number[] = [];
    const { lanes: whole, title } = await feed.whole((count) => done.push(count));
    deepEqual(
      whole.map(({ sessionId, read }) => [sessionId, read]),
      ids.map((id) => [id, "all"]),
    );
    deepEqual(done, [1, 2, 3, 4]);
    equal(title, (await sessionOf(client, parentId)).title);
    await client.call("session/delete", { sessionId: ids[1] ?? "" });
    await waitFor(() => messages.at(-1)?.order?.length === 2, "two lanes", {
      describe: () => messages.at(-1),
    });
  });
});
