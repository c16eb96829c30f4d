/**
 * Measures the store and, in the same run, the raw SQLite driver doing the same: durable appends,
 * whole lives of spawned sessions, replay. `node scripts/benchStore.ts` prints JSON lines.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import sqlite3 from "sqlite3";
import type { StoredEvent } from "../protocol/events.ts";
import type { Completion } from "../protocol/messages.ts";
import { noUsage, type Message, type Session } from "../protocol/session.ts";
import { systemClock } from "../daemon/base/clock.ts";
import { openStore } from "../daemon/store/openStore.ts";
import type { StoredSession } from "../daemon/sessions/records.ts";
import type { Store } from "../daemon/store/sessionStore.ts";

/** Figures are operations per second; `ratio` is the store's over the raw driver's. */
export interface StoreFigure {
  figure: "durable appends" | "life cycles" | "replayed events";
  /** Sessions that write at the same time, each waiting for its last write. */
  sessions: number;
  store: number;
  raw: number;
  ratio: number;
}

type Row = [key: string, value: string];
interface RawDriver {
  /** One transaction. */
  write(rows: Row[]): Promise<void>;
  read(from: string, to: string, limit: number): Promise<{ key: string; value: string }[]>;
  close(): Promise<void>;
}

const measureMs = 1000;
const replayedEvents = 60_000;
const page = 1000;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

export async function benchStore(): Promise<StoreFigure[]> {
  const figures: StoreFigure[] = [];
  const add = (figure: StoreFigure["figure"], sessions: number, store: number, raw: number) =>
    figures.push({
      figure,
      sessions,
      store: Math.round(store),
      raw: Math.round(raw),
      ratio: Math.round((store / raw) * 100) / 100,
    });
  for (const sessions of [1, 16, 64, 1000]) {
    const store = await withStore((opened) => storeAppends(opened, sessions));
    add("durable appends", sessions, store, await withRaw((raw) => rawAppends(raw, sessions)));
  }
  for (const sessions of [1, 16, 64, 256]) {
    const store = await withStore((opened) => storeLives(opened, sessions));
    add("life cycles", sessions, store, await withRaw((raw) => rawLives(raw, sessions)));
  }
  add("replayed events", 1, await withStore(storeReplay), await withRaw(rawReplay));
  return figures;
}

/** Every session writes again as soon as its last write is done; counts the writes. */
async function inParallel(sessions: number, step: (session: number) => Promise<unknown>) {
  const begin = performance.now();
  let steps = 0;
  const work = async (session: number) => {
    while (performance.now() - begin < measureMs) {
      await step(session);
      steps += 1;
    }
  };
  await Promise.all(Array.from({ length: sessions }, (_, session) => work(session)));
  return (steps / (performance.now() - begin)) * 1000;
}

async function storeAppends(store: Store, sessions: number): Promise<number> {
  const seqs = Array.from({ length: sessions }, () => 0);
  return inParallel(sessions, (session) => {
    const seq = (seqs[session] ?? 0) + 1;
    seqs[session] = seq;
    const events = [{ sessionId: idOf(session), event: eventOf(seq) }];
    return store.write({ events, durability: "durable" });
  });
}

/** The upper bound with this driver: all sessions of a round in one transaction. */
async function rawAppends(raw: RawDriver, sessions: number): Promise<number> {
  let seq = 0;
  const rounds = await inParallel(1, async () => {
    seq += 1;
    await raw.write(
      Array.from({ length: sessions }, (_, session) => row(eventKey(session, seq), eventOf(seq))),
    );
  });
  return rounds * sessions;
}

async function storeLives(store: Store, sessions: number): Promise<number> {
  let made = 0;
  return inParallel(sessions, async () => {
    made += 1;
    const life = lifeOf(made);
    const { id } = life.queued.session;
    await store.write({
      headers: [life.queued],
      messages: [{ sessionId: id, message: life.prompt }],
      durability: "durable",
    });
    await store.write({
      headers: [life.running],
      events: [{ sessionId: id, event: eventOf(1) }],
      durability: "durable",
    });
    await store.write({
      headers: [life.ended],
      events: [{ sessionId: id, event: eventOf(2) }],
      messages: [{ sessionId: id, message: life.answer }],
      completion: life.completion,
      durability: "durable",
    });
  });
}

async function rawLives(raw: RawDriver, sessions: number): Promise<number> {
  let made = 0;
  const rounds = await inParallel(1, async () => {
    const lives = Array.from({ length: sessions }, () => lifeOf((made += 1)));
    const key = (life: Life) => `h/${life.queued.session.id}`;
    const of = (life: Life, rest: string) => `s/${life.queued.session.id}/${rest}`;
    await raw.write(
      lives.flatMap((life) => [row(key(life), life.queued), row(of(life, "m/1"), life.prompt)]),
    );
    await raw.write(
      lives.flatMap((life) => [row(key(life), life.running), row(of(life, "e/1"), eventOf(1))]),
    );
    await raw.write(
      lives.flatMap((life) => [
        row(key(life), life.ended),
        row(of(life, "e/2"), eventOf(2)),
        row(of(life, "m/2"), life.answer),
        row(`c/${String(life.completion.completionSeq).padStart(14, "0")}`, life.completion),
      ]),
    );
  });
  return rounds * sessions;
}

async function storeReplay(store: Store): Promise<number> {
  for (let seq = 1; seq <= replayedEvents; seq += page) {
    const events = Array.from({ length: page }, (_, place) => ({
      sessionId: idOf(0),
      event: eventOf(seq + place),
    }));
    await store.write({ events, durability: "lazy" });
  }
  const begin = performance.now();
  let after = 0;
  while (after < replayedEvents) {
    after = (await store.events(idOf(0), after, page)).at(-1)?.seq ?? replayedEvents;
  }
  return (replayedEvents / (performance.now() - begin)) * 1000;
}

async function rawReplay(raw: RawDriver): Promise<number> {
  for (let seq = 1; seq <= replayedEvents; seq += page) {
    await raw.write(
      Array.from({ length: page }, (_, place) =>
        row(eventKey(0, seq + place), eventOf(seq + place)),
      ),
    );
  }
  const begin = performance.now();
  const to = eventKey(0, replayedEvents + 1);
  for (let after = 0; after < replayedEvents; after += page) {
    const rows = await raw.read(eventKey(0, after + 1), to, page);
    for (const { value } of rows) JSON.parse(value);
  }
  return (replayedEvents / (performance.now() - begin)) * 1000;
}

const idOf = (session: number) => `0198c0de-0000-7000-8000-${String(session).padStart(12, "0")}`;
const eventKey = (session: number, seq: number) =>
  `s/${idOf(session)}/e/${String(seq).padStart(12, "0")}`;
const row = (key: string, value: unknown): Row => [key, JSON.stringify({ value })];

function eventOf(seq: number): StoredEvent {
  const text = `line ${seq} of a program that says "something" of 300 bytes ${"x".repeat(120)}\n`;
  const at = 1_760_000_000_000 + seq;
  return { seq, at, runId: idOf(999_999), event: { type: "output", stream: "stdout", text } };
}

interface Life {
  queued: StoredSession;
  running: StoredSession;
  ended: StoredSession;
  prompt: Message;
  answer: Message;
  completion: Completion;
}

function lifeOf(number: number): Life {
  const at = 1_760_000_000_000 + number;
  const run = { runId: `run-${number}`, attempt: 1 };
  const base = {
    id: idOf(number),
    kind: "child" as const,
    parentId: idOf(0),
    rootId: idOf(0),
    depth: 1,
    title: "Count the lines of code by language",
    agent: "shell",
    runner: "command" as const,
    cwd: "/home/somebody/projects/offshoot",
    version: 1,
    createdAt: at,
    updatedAt: at,
    lastSeq: 0,
    messageCount: 1,
    usage: noUsage,
    treeUsage: noUsage,
    limits: { maxTurns: 200, timeoutMs: 3_600_000, idleTimeoutMs: 900_000 },
  };
  const live = { startedAt: at, lastHeartbeatAt: at, lastProgressAt: at, stalled: false };
  const result = "Everything was counted. ".repeat(8);
  const stored = (session: Session): StoredSession => ({
    session,
    priority: 0,
    unreadFrom: 1,
    childCount: 0,
  });
  return {
    queued: stored({ ...base, ...run, status: "queued", queuedAt: at }),
    running: stored({ ...base, ...run, ...live, status: "running" }),
    ended: stored({ ...base, ...run, status: "completed", endedAt: at, result, stored: true }),
    prompt: { n: 1, at, role: "user", text: "Count the lines of code by language." },
    answer: { n: 2, at, role: "assistant", text: result, runId: run.runId },
    completion: {
      ...run,
      parentSessionId: idOf(0),
      childSessionId: idOf(number),
      completionSeq: number,
      status: "completed",
      result,
      usage: noUsage,
      stored: true,
    },
  };
}

async function withStore(measure: (store: Store) => Promise<number>): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), "offshoot-bench-"));
  const uri = `sqlite://${join(dir, "store.sqlite")}`;
  const store = await openStore({ uri, log: silent, clock: systemClock });
  try {
    return await measure(store);
  } finally {
    await store.close();
    await rm(dir, { recursive: true });
  }
}

async function withRaw(measure: (raw: RawDriver) => Promise<number>): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), "offshoot-bench-"));
  const raw = await openRaw(join(dir, "raw.sqlite"));
  try {
    return await measure(raw);
  } finally {
    await raw.close();
    await rm(dir, { recursive: true });
  }
}

/** The driver with the same settings, table and multi-row statements, and nothing else. */
async function openRaw(file: string): Promise<RawDriver> {
  const database = new sqlite3.Database(file);
  const query = promisify<string, unknown[], { key: string; value: string }[]>(
    database.all.bind(database),
  );
  await query("CREATE TABLE keyv(key VARCHAR(255) PRIMARY KEY, value TEXT )", []);
  for (const pragma of [
    "journal_mode=WAL",
    "synchronous=FULL",
    "cache_size=-65536",
    "temp_store=MEMORY",
    "wal_autocheckpoint=4000",
  ]) {
    await query(`PRAGMA ${pragma}`, []);
  }
  const insert = (rows: Row[]) =>
    query(
      `INSERT INTO keyv (key, value) VALUES ${rows.map(() => "(?,?)").join(",")} ` +
        "ON CONFLICT(key) DO UPDATE SET value=excluded.value",
      rows.flat(),
    );
  return {
    async write(rows) {
      const size = 400;
      if (rows.length <= size) {
        await insert(rows);
        return;
      }
      await query("BEGIN IMMEDIATE", []);
      for (let at = 0; at < rows.length; at += size) await insert(rows.slice(at, at + size));
      await query("COMMIT", []);
    },
    read: (from, to, limit) =>
      query("SELECT key, value FROM keyv WHERE key >= ? AND key < ? ORDER BY key LIMIT ?", [
        from,
        to,
        limit,
      ]),
    close: promisify(database.close.bind(database)),
  };
}

if (import.meta.main) {
  for (const figure of await benchStore()) process.stdout.write(`${JSON.stringify(figure)}\n`);
}
