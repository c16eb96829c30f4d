/** What a transcript's page is told while the store of the core fails. */
import { equal } from "node:assert/strict";
import { join } from "node:path";
import { SessionModel } from "../../../extension/sessions/sessionModel.ts";
import { PageHost } from "../../../extension/transcript/pageHost.ts";
import type { ToPage } from "../../../extension/transcript/pageMessages.ts";
import { startDaemon, type TestClient, type TestDaemon } from "../../support/daemon.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { lockStore } from "../../support/lockedStore.ts";
import { gate } from "../../support/runs.ts";
import { waitFor } from "../../support/waitFor.ts";
import { daemonCalls } from "../daemonCalls.ts";

describe("a transcript whose core cannot store", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  /** Another client: what the host listens for, its own client does not keep. */
  let watcher: TestClient;
  let host: PageHost | undefined;
  before(async () => {
    daemon = startDaemon();
    client = await daemon.client({ subscribe: "lifecycle" });
    watcher = await daemon.client();
  });
  after(async () => {
    host?.dispose();
    await daemon.stop();
  });

  const nothing = () => Promise.resolve();
  function opened(sessionId: string, post: (message: ToPage) => void): PageHost {
    return new PageHost({
      ...{ sessionId, post, client: daemonCalls(client), model: new SessionModel() },
      ...{ start: nothing, onTitle: () => {}, now: Date.now },
      editor: {
        ...{ run: nothing, keep: () => {}, openSession: nothing },
        ...{ openFile: nothing, openLink: nothing, openEvent: nothing },
      },
    });
  }

  it("goes on from the last stored event when that core has died", async () => {
    const held = gate(daemon.work);
    const id = await client.shell(`echo one; ${held.wait}; echo two; sleep 60`);
    const news: number[] = [];
    host = opened(id, (message) => {
      if (message.type === "news") news.push(message.lastSeq);
    });
    await host.receive({ type: "ready" });
    await held.reached();
    await waitFor(() => news.includes(1), "the first event", { describe: () => news });
    const lock = await lockStore(join(daemon.folder, "store.sqlite"));
    held.open();
    const unstored = () => watcher.of("subAgent/event").some(({ stored }) => stored === false);
    await waitFor(unstored, "an event that is not stored");
    const before = news.length;
    process.kill(await daemon.corePid(), "SIGKILL");
    await lock.free();
    await watcher.completion(id);
    await waitFor(() => news.length > before, "news from the next core");
    equal(news.at(-1), 1);
    await client.call("session/run", { sessionId: id });
    const hasMore = () => (news.at(-1) ?? 0) > 1;
    await waitFor(hasMore, "the event that has its number", { describe: () => news });
  });
});
