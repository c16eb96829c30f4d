/**
 * What goes out to one client, in order, and what happens when the client is slow.
 *
 * Answers leave at once, notifications when the turn of the event loop in which they were made is
 * over: so the answer to a request always comes before the notifications about what it made. A
 * client that keeps up gets every frame, many in one write. For one that does not, frames wait
 * here, bounded: events are not kept but named in a `subAgent/gap` or, where the client was
 * promised all of them, read again from the store; heartbeats are left out; everything else waits.
 * Past the bound the client is dropped: it connects again and asks for what it missed. No other
 * client is affected.
 */
import type { Socket } from "node:net";

/** What a client asked to be notified of. */
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

export class Outbound {
  readonly #socket: Socket;
  readonly #replays: Replays;
  readonly #dropped: (why: string) => void;
  #unwritten: Buffer[] = [];
  #unwrittenBytes = 0;
  #waiting: Item[] = [];
  /** How many of the waiting items have been sent. */
  #sent = 0;
  #waitingBytes = 0;
  /** Settles when nothing waits any more; undefined while nothing does. */
  #pumping: Promise<void> | undefined;
  /** The last range of a session, as long as later events belong into it. */
  readonly #openRanges = new Map<string, Range>();

  /** `dropped` is called with the reason when the connection is given up. */
  constructor(socket: Socket, replays: Replays, dropped: (why: string) => void) {
    this.#socket = socket;
    this.#replays = replays;
    this.#dropped = dropped;
  }

  /** The client has not read so much that nothing should be done for it now. */
  get congested(): boolean {
    return this.#socket.writableLength + this.#unwrittenBytes > fullBytes;
  }

  /** An answer to a request: it goes out before whatever waits. */
  answer(frame: Buffer): void {
    if (this.#socket.writable) this.#socket.write(frame);
  }

  /** A frame that has to arrive. Later events of the session that it is about come behind it. */
  keep(frame: Buffer, of?: Subscription, sessionId?: string): void {
    if (sessionId !== undefined) this.#openRanges.delete(sessionId);
    this.#wait({ kind: "frame", of, frame });
  }

  /** A frame that a slow client does without. */
  offer(frame: Buffer, of: Subscription): void {
    if (!this.#isSlow) this.#wait({ kind: "frame", of, frame });
  }

  /** A stored event. */
  event(sessionId: string, seq: number, frame: Buffer, of: Subscription): void {
    const range = this.#openRanges.get(sessionId);
    if (range?.of === of) range.to = seq;
    else if (this.#isSlow) this.#open(sessionId, seq, seq, of);
    else this.#wait({ kind: "frame", of, frame });
  }

  /** Reads events `from` to `to` from the store and sends them, before what comes later. */
  replayEvents(sessionId: string, from: number, to: number, of: Subscription): void {
    if (from <= to) this.#open(sessionId, from, to, of);
  }

  /** Reads completions above `after`, up to `upTo`, and sends them, before what comes later. */
  replayCompletions(after: number, upTo: number, of: TreeSubscription): void {
    if (after < upTo) this.#wait({ kind: "completions", of, from: after + 1, to: upTo });
  }

  /** Resolves when what waited so far has been sent: an answer after it comes behind it. */
  caughtUp(): Promise<void> {
    return this.#pumping ?? Promise.resolve();
  }

  /** Resolves when everything was handed to the system, or the socket is gone. */
  async drained(): Promise<void> {
    const socket = this.#socket;
    while (!socket.destroyed && (this.#pumping !== undefined || socket.writableLength > 0)) {
      await (this.#pumping ?? socketDrained(socket));
    }
  }

  get #isSlow(): boolean {
    return this.#socket.writableLength + this.#waitingBytes > slowBytes;
  }

  #write(frame: Buffer): void {
    this.#unwritten.push(frame);
    this.#unwrittenBytes += frame.length;
  }

  #flush(): void {
    const frames = this.#unwritten;
    const bytes = this.#unwrittenBytes;
    this.#unwritten = [];
    this.#unwrittenBytes = 0;
    const [first] = frames;
    if (first === undefined || !this.#socket.writable) return;
    this.#socket.write(frames.length === 1 ? first : Buffer.concat(frames, bytes));
  }

  #drop(why: string): void {
    this.#waiting = [];
    this.#sent = 0;
    this.#waitingBytes = 0;
    this.#openRanges.clear();
    if (this.#socket.destroyed) return;
    this.#dropped(why);
    this.#socket.destroy();
  }

  #wait(item: Item): void {
    if (this.#socket.destroyed) return;
    this.#waiting.push(item);
    if (item.kind === "frame") this.#waitingBytes += item.frame.length;
    if (this.#waitingBytes > mostWaitingBytes) {
      return this.#drop(`it has not read ${this.#waitingBytes} bytes of notifications`);
    }
    this.#pumping ??= this.#pump();
  }

  async #pump(): Promise<void> {
    try {
      await nextTurn();
      for (;;) {
        if (this.congested) await this.#makeRoom();
        const item = this.#nextItem();
        if (item === undefined) break;
        const reading = this.#send(item);
        if (reading !== undefined) await reading;
      }
      this.#flush();
    } catch (error) {
      this.#drop(`what it missed cannot be read: ${String(error)}`);
    }
    this.#pumping = undefined;
  }

  #nextItem(): Item | undefined {
    if (this.#sent === itemsPerTidying || this.#sent === this.#waiting.length) {
      this.#waiting.splice(0, this.#sent);
      this.#sent = 0;
    }
    const item = this.#waiting[this.#sent];
    if (item !== undefined) this.#sent += 1;
    return item;
  }

  /** At once for a frame; asynchronous only where the store is read. */
  #send(item: Item): Promise<void> | undefined {
    if (item.kind === "frame") {
      this.#waitingBytes -= item.frame.length;
      if (item.of === undefined || item.of.isWanted()) this.#write(item.frame);
      return undefined;
    }
    if (item.kind === "completions") {
      return this.#replay(item, (from, to) => this.#replays.completions(from, to, item.of.rootIds));
    }
    if (item.of.late === "replay") {
      return this.#replay(item, (from, to) => this.#replays.events(item.sessionId, from, to));
    }
    this.#close(item);
    if (item.of.isWanted()) this.#write(this.#replays.gap(item.sessionId, item.from, item.to));
    return undefined;
  }

  async #makeRoom(): Promise<void> {
    this.#flush();
    await socketDrained(this.#socket);
  }

  async #replay(
    range: Exclude<Item, { kind: "frame" }>,
    read: (from: number, to: number) => Promise<ReplayPage>,
  ): Promise<void> {
    while (range.from <= range.to && !this.#socket.destroyed) {
      if (this.congested) await this.#makeRoom();
      const { frames, next } = await read(range.from, range.to);
      if (!range.of.isWanted()) break;
      range.from = next;
      for (const frame of frames) this.#write(frame);
      this.#flush();
    }
    // Synchronously after the last look at `range.to`: what comes now belongs behind the range.
    if (range.kind === "events") this.#close(range);
  }

  #close(range: Range): void {
    if (this.#openRanges.get(range.sessionId) === range) this.#openRanges.delete(range.sessionId);
  }

  #open(sessionId: string, from: number, to: number, of: Subscription): void {
    const range: Range = { kind: "events", of, sessionId, from, to };
    this.#openRanges.set(sessionId, range);
    this.#wait(range);
  }
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
