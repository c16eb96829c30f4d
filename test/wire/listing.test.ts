import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { RawClient } from "../support/rawClient.ts";
import { upTo, wireSuite } from "../support/wire.ts";

interface Named {
  id: string;
  title: string;
}

describe("wire: lists, page by page", () => {
  const wire = wireSuite();
  let client: RawClient;
  let rootId: string;
  beforeEach(async () => {
    client = await wire.socket();
    await client.open();
    rootId = (await client.call("session/create", { cwd: wire.daemon.work })).session.id;
  });

  const held = (params: object = {}) =>
    client
      .call("session/spawn", { parentId: rootId, prompt: "x", autoRun: false, ...params })
      .then(({ session }) => session);
  const list = async (params: object): Promise<Named[]> =>
    (await client.call("session/list", params)).sessions;
  const titles = async (params: object) => (await list(params)).map(({ title }) => title);

  async function allPages(params: object): Promise<Named[][]> {
    const pages: Named[][] = [];
    let cursor: string | undefined;
    do {
      const page = await client.call("session/list", { ...params, ...(cursor && { cursor }) });
      pages.push(page.sessions);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return pages;
  }

  it("gives 250 sessions newest first, without a repeat, in pages of any size", async () => {
    const made: string[] = [];
    await Promise.all(upTo(250).map(async (n) => made.push((await held({ title: `n${n}` })).id)));
    const expected = [...made].sort((a, b) => (a < b ? 1 : -1));
    for (const limit of [undefined, 1000, 250, 249, 100, 83, 7]) {
      const pages = await allPages({ parentId: rootId, ...(limit && { limit }) });
      deepEqual(
        pages.flat().map(({ id }) => id),
        expected,
        `limit ${limit}`,
      );
      const size = limit ?? 100;
      equal(pages.length, Math.ceil(250 / size), `limit ${limit}`);
      for (const page of pages.slice(0, -1)) equal(page.length, size);
    }
    deepEqual(
      pagesTitles(await allPages({ parentId: rootId, text: "n24", limit: 4 })),
      [
        "n249",
        "n248",
        "n247",
        "n246",
        "n245",
        "n244",
        "n243",
        "n242",
        "n241",
        "n240",
        "n24",
      ].filter(Boolean),
    );
  });

  it("goes on where it was, also when sessions come and go meanwhile", async () => {
    const old = await Promise.all(upTo(20).map((n) => held({ title: `o${n}` })));
    const first = await client.call("session/list", { parentId: rootId, limit: 10 });
    await held({ title: "newer" });
    await client.call("session/delete", { sessionId: first.nextCursor });
    await client.call("session/delete", { sessionId: old[3].id });
    const rest = await titles({ parentId: rootId, cursor: first.nextCursor });
    deepEqual(rest, ["o10", "o9", "o8", "o7", "o6", "o5", "o3", "o2", "o1"]);
  });

  it("filters by root, parent, status, folder and text, and by all of them together", async () => {
    const folder = join(wire.daemon.work, "sub");
    mkdirSync(folder, { recursive: true });
    const one = await held({ title: "Alpha" });
    await held({ title: "Beta", cwd: folder, parentId: one.id });
    const ran = await held({ title: "Gamma", prompt: "echo in the RESULT", autoRun: true });
    await client.call("session/wait", { sessionIds: [ran.id] });
    deepEqual(await titles({ rootId }), ["Gamma", "Beta", "Alpha", "w-root"].with(3, rootTitle()));
    deepEqual(await titles({ parentId: rootId }), ["Gamma", "Alpha"]);
    deepEqual(await titles({ parentId: one.id }), ["Beta"]);
    deepEqual(await titles({ rootId, status: ["completed"] }), ["Gamma"]);
    deepEqual(await titles({ parentId: rootId, status: ["completed", "created"] }), [
      "Gamma",
      "Alpha",
    ]);
    deepEqual(await titles({ rootId, status: [] }), []);
    deepEqual(await titles({ rootId, cwd: folder }), ["Beta"]);
    deepEqual(await titles({ rootId, text: "aLPHa" }), ["Alpha"]);
    deepEqual(await titles({ rootId, text: "in the result" }), ["Gamma"]);
    deepEqual(await titles({ rootId, text: "shell", status: ["completed"], parentId: rootId }), [
      "Gamma",
    ]);
    deepEqual(await titles({ rootId, text: "%" }), []);
    deepEqual(await titles({ rootId: "no-such" }), []);
  });

  it("renames a session, and a root, for everybody who looks", async () => {
    const { id } = await held({ title: "Before" });
    const { session } = await client.call("session/rename", { sessionId: id, title: " After " });
    equal(session.title, "After");
    deepEqual(await titles({ text: "after" }), ["After"]);
    await client.call("session/rename", { sessionId: rootId, title: "The root" });
    deepEqual(await titles({ text: "the root" }), ["The root"]);
    await client.call("session/rename", { sessionId: rootId, title: rootTitle() });
    const refused = await client.ask("session/rename", { sessionId: id, title: " " });
    equal(refused.error?.code, -32602);
  });

  it("gives the messages of a session oldest first, without a gap or a repeat", async () => {
    const { id } = await held({ prompt: "true" });
    const last = upTo(24).map((n) => `: ${n}`);
    await client.call("session/send", { sessionId: id, text: last[0] });
    await client.call("session/wait", { sessionIds: [id] });
    for (const text of last.slice(1)) {
      await client.call("session/send", { sessionId: id, text });
      await client.call("session/wait", { sessionIds: [id] });
    }
    const all = (await client.call("session/messages", { sessionId: id, limit: 1000 })).messages;
    deepEqual(
      all.map(({ n }: { n: number }) => n),
      upTo(all.length),
    );
    ok(all.length >= 49);
    deepEqual(
      all
        .filter(({ role }: { role: string }) => role === "user")
        .map(({ text }: { text: string }) => text),
      ["true", ...last],
    );
    for (const limit of [1, 7, all.length - 1, all.length]) {
      const pages = [];
      let cursor: string | undefined;
      do {
        const page = await client.call("session/messages", {
          sessionId: id,
          limit,
          ...(cursor && { cursor }),
        });
        equal(page.messages.length > 0, true);
        pages.push(page.messages);
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      deepEqual(pages.flat(), all, `limit ${limit}`);
    }
  });

  it("gives the events of a session in order and without a gap, also while they come", async () => {
    const { id } = await held({ prompt: "for i in $(seq 300); do echo $i; done", autoRun: true });
    const seen: { seq: number; at: number; runId: string; event: object }[] = [];
    let isOver = false;
    const over = client.call("session/wait", { sessionIds: [id] }).then(() => (isOver = true));
    for (let wasOver = false; !wasOver;) {
      wasOver = isOver;
      for (;;) {
        const after = seen.at(-1)?.seq ?? 0;
        const page = await client.call("session/events", { sessionId: id, after, limit: 7 });
        ok(page.events.length <= 7);
        ok(page.lastSeq >= (page.events.at(-1)?.seq ?? 0));
        seen.push(...page.events);
        if (page.events.length === 0) break;
      }
    }
    await over;
    deepEqual(
      seen.map(({ seq }) => seq),
      upTo(seen.length),
    );
    const text = seen.map(({ event }) => ("text" in event ? event.text : "")).join("");
    equal(
      text,
      upTo(300)
        .map((n) => `${n}\n`)
        .join(""),
    );
    const { events, lastSeq } = await client.call("session/events", { sessionId: id, limit: 1000 });
    deepEqual([events, lastSeq], [seen, seen.length]);
    const beyond = await client.call("session/events", { sessionId: id, after: lastSeq + 5 });
    deepEqual(beyond, { events: [], lastSeq });
    equal((await client.call("session/get", { sessionId: id })).session.lastSeq, lastSeq);
  });

  it("keeps an answer below the bound of a message, however large the rows are", async () => {
    const { id } = await held({
      prompt: "yes $(head -c 60000 /dev/zero | tr '\\0' x) | head -n 600",
      autoRun: true,
    });
    await client.call("session/wait", { sessionIds: [id] });
    let after = 0;
    let pages = 0;
    for (let lastSeq = 1; after < lastSeq; pages += 1) {
      const page = await client.call("session/events", { sessionId: id, after, limit: 1000 });
      ok(JSON.stringify(page).length < 16 * 1024 * 1024);
      equal(page.events[0].seq, after + 1);
      after = page.events.at(-1).seq;
      lastSeq = page.lastSeq;
    }
    ok(pages > 3);
  });

  function rootTitle(): string {
    return wire.daemon.work.split("/").at(-1) ?? "";
  }

  it("refuse a cursor that they did not give out, and take a folder by any of its spellings", async () => {
    await held({ title: "here" });
    for (const cursor of ["zzz", ""]) {
      const { error } = await client.ask("session/list", { cursor });
      deepEqual([error?.code, error?.data.issues[0].path], [-32602, "cursor"]);
    }
    deepEqual(await titles({ parentId: rootId, cwd: `${wire.daemon.work}/./` }), ["here"]);
  });

  it("say so where an answer would be longer than a message may be, and nothing else suffers", async () => {
    const title = "x".repeat(20 * 1024 * 1024);
    for (let count = 0; count < 4; count += 1) await held({ title });
    const waiting = client.ask("session/wait", { sessionIds: [(await held()).id], timeoutMs: 500 });
    const { error } = await client.ask("session/list", { parentId: rootId });
    match(error?.message ?? "", /the answer has 8\d{7} bytes, .* ends at 67108864; ask for less/);
    equal((await list({ parentId: rootId, limit: 2 })).length, 2);
    equal((await waiting).error, undefined);
  });
});

function pagesTitles(pages: Named[][]): string[] {
  return pages.flat().map(({ title }) => title);
}
