/**
 * What goes out to one client, in order, and what happens when the client is slow.
 *
 * Answers leave at once, notifications when the turn of the event loop in which they were told is
 * over: so the answer to a request always comes before the notifications about what it made. A
 * client that keeps up gets every frame, many in one write. For one that does not, frames wait
 * here, bounded: events are not kept but named in a `subAgent/gap` or, where the client was
 * promised all of them, read again from the store; heartbeats are left out; everything else waits.
 * Past the bound the client is dropped: it connects again and asks for what it missed. Nobody else
 * notices.
 */
import type { Socket } from "node:net";

/** What a client asked to hear. */
export interface Subscription {
  /** What a client that is too slow gets for the events: their numbers, or all of them, later. */
  readonly late: "gap" | "replay";
  /** False when the client took it back or asked anew: what waits for it is not sent any more. */
  isWanted(): boolean;
}

/** The subscription of a tree; without `rootIds` of all trees. */
export interface TreeSubscription extends Subscription {
  readonly rootIds: ReadonlySet<string> | undefined;
  readonly events: "lifecycle" | "all";
}

export interface Outbound {
  /** An answer to a request: it goes out before whatever waits. */
  answer(frame: Buffer): void;
  /** A frame that has to arrive. Later events of the session that it is about come behind it. */
  keep(frame: Buffer, of?: Subscription, sessionId?: string): void;
  /** A frame that a slow client does without. */
  offer(frame: Buffer, of: Subscription): void;
  /** A stored event. */
  event(sessionId: string, seq: number, frame: Buffer, of: Subscription): void;
  /** Reads events `from` to `to` from the store and sends them, before what comes later. */
  replayEvents(sessionId: string, from: number, to: number, of: Subscription): void;
  /** Reads completions above `after`, up to `upTo`, and sends them, before what comes later. */
  replayCompletions(after: number, upTo: number, of: TreeSubscription): void;
  /** The client has not read so much that nothing should be done for it now. */
  readonly congested: boolean;
  /** Resolves when what waited so far has been sent: an answer after it comes behind it. */
  caughtUp(): Promise<void>;
  /** Resolves when everything was handed to the system, or the socket is gone. */
  drained(): Promise<void>;
}

/** The frames of some of a range, and the number behind the last of them. */
export interface ReplayPage {
  frames: Buffer[];
  next: number;
}

/** Where frames for a replay come from. They reject when the store cannot be read. */
export interface Replays {
  events(sessionId: string, from: number, to: number): Promise<ReplayPage>;
  completions(
    from: number,
    to: number,
    rootIds: ReadonlySet<string> | undefined,
  ): Promise<ReplayPage>;
  gap(sessionId: string, from: number, to: number): Buffer;
}

/** Events of one session; `to` grows while it waits or is being read. */
interface Range {
  kind: "events";
  of: Subscription;
  sessionId: string;
  from: number;
  to: number;
}

type Item =
  | { kind: "frame"; of: Subscription | undefined; frame: Buffer }
  | Range
  | { kind: "completions"; of: TreeSubscription; from: number; to: number };

/** With more bytes than this in the socket's buffer, frames wait here instead. */
const fullBytes = 1024 * 1024;
/** With more unread bytes than this, the client counts as slow. */
const slowBytes = 8 * 1024 * 1024;
/** So many sent items are taken from what waits at once: each alone would move all the others. */
const itemsPerTidying = 256;
/** With more bytes of waiting frames than this, the client is dropped. */
const mostWaitingBytes = 32 * 1024 * 1024;

export function createOutbound(
  socket: Socket,
  replays: Replays,
  /** The connection is given up, for this reason. */
  dropped: (why: string) => void,
): Outbound {
  let unwritten: Buffer[] = [];
  let unwrittenBytes = 0;
  let waiting: Item[] = [];
  /** How many of them have been sent. */
  let sent = 0;
  let waitingBytes = 0;
  /** Settles when nothing waits any more; undefined while nothing does. */
  let pumping: Promise<void> | undefined;
  /** The last range of a session, as long as later events belong into it. */
  const openRanges = new Map<string, Range>();

  const isFull = () => socket.writableLength + unwrittenBytes > fullBytes;
  const isSlow = () => socket.writableLength + waitingBytes > slowBytes;

  function write(frame: Buffer): void {
    unwritten.push(frame);
    unwrittenBytes += frame.length;
  }

  function flush(): void {
    const frames = unwritten;
    const bytes = unwrittenBytes;
    unwritten = [];
    unwrittenBytes = 0;
    const [first] = frames;
    if (first === undefined || !socket.writable) return;
    socket.write(frames.length === 1 ? first : Buffer.concat(frames, bytes));
  }

  function drop(why: string): void {
    waiting = [];
    sent = 0;
    waitingBytes = 0;
    openRanges.clear();
    if (socket.destroyed) return;
    dropped(why);
    socket.destroy();
  }

  function wait(item: Item): void {
    if (socket.destroyed) return;
    waiting.push(item);
    if (item.kind === "frame") waitingBytes += item.frame.length;
    if (waitingBytes > mostWaitingBytes) {
      return drop(`it has not read ${waitingBytes} bytes of notifications`);
    }
    pumping ??= pump();
  }

  async function pump(): Promise<void> {
    try {
      await nextTurn();
      for (;;) {
        if (isFull()) await makeRoom();
        const item = nextItem();
        if (item === undefined) break;
        const reading = send(item);
        if (reading !== undefined) await reading;
      }
      flush();
    } catch (error) {
      drop(`what it missed cannot be read: ${String(error)}`);
    }
    pumping = undefined;
  }

  function nextItem(): Item | undefined {
    if (sent === itemsPerTidying || sent === waiting.length) {
      waiting.splice(0, sent);
      sent = 0;
    }
    const item = waiting[sent];
    if (item !== undefined) sent += 1;
    return item;
  }

  /** At once for a frame; asynchronous only where the store is read. */
  function send(item: Item): Promise<void> | undefined {
    if (item.kind === "frame") {
      waitingBytes -= item.frame.length;
      if (item.of === undefined || item.of.isWanted()) write(item.frame);
      return undefined;
    }
    if (item.kind === "completions") {
      return replay(item, (from, to) => replays.completions(from, to, item.of.rootIds));
    }
    if (item.of.late === "replay") {
      return replay(item, (from, to) => replays.events(item.sessionId, from, to));
    }
    close(item);
    if (item.of.isWanted()) write(replays.gap(item.sessionId, item.from, item.to));
    return undefined;
  }

  async function makeRoom(): Promise<void> {
    flush();
    await socketDrained(socket);
  }

  async function replay(
    range: Exclude<Item, { kind: "frame" }>,
    read: (from: number, to: number) => Promise<ReplayPage>,
  ): Promise<void> {
    while (range.from <= range.to && !socket.destroyed) {
      if (isFull()) await makeRoom();
      const { frames, next } = await read(range.from, range.to);
      if (!range.of.isWanted()) break;
      range.from = next;
      for (const frame of frames) write(frame);
      flush();
    }
    // In the same breath as the last look at `range.to`: what comes now belongs behind the range.
    if (range.kind === "events") close(range);
  }

  function close(range: Range): void {
    if (openRanges.get(range.sessionId) === range) openRanges.delete(range.sessionId);
  }

  function open(sessionId: string, from: number, to: number, of: Subscription): void {
    const range: Range = { kind: "events", of, sessionId, from, to };
    openRanges.set(sessionId, range);
    wait(range);
  }

  return {
    answer(frame) {
      if (socket.writable) socket.write(frame);
    },
    keep(frame, of, sessionId) {
      if (sessionId !== undefined) openRanges.delete(sessionId);
      wait({ kind: "frame", of, frame });
    },
    offer(frame, of) {
      if (!isSlow()) wait({ kind: "frame", of, frame });
    },
    event(sessionId, seq, frame, of) {
      const range = openRanges.get(sessionId);
      if (range?.of === of) range.to = seq;
      else if (isSlow()) open(sessionId, seq, seq, of);
      else wait({ kind: "frame", of, frame });
    },
    replayEvents(sessionId, from, to, of) {
      if (from <= to) open(sessionId, from, to, of);
    },
    replayCompletions(after, upTo, of) {
      if (after < upTo) wait({ kind: "completions", of, from: after + 1, to: upTo });
    },
    get congested() {
      return isFull();
    },
    caughtUp: () => pumping ?? Promise.resolve(),
    async drained() {
      while (!socket.destroyed && (pumping !== undefined || socket.writableLength > 0)) {
        await (pumping ?? socketDrained(socket));
      }
    },
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function socketDrained(socket: Socket): Promise<void> {
  if (socket.destroyed || !socket.writableNeedDrain) return nextTurn();
  return new Promise((resolve) => {
    const done = () => {
      socket.off("drain", done).off("close", done);
      resolve();
    };
    socket.on("drain", done).on("close", done);
  });
}
