/**
 * What goes out to one client, in order, and what happens when the client is slow.
 *
 * A client that keeps up gets every frame at once, several in one write. For one that does not,
 * frames wait here, bounded: events are not kept but named in a `subAgent/gap` or, where the client
 * was promised all of them, read again from the store; of session/changed and heartbeats only the
 * newest is kept; everything else waits. Past the bound the client is dropped: it connects again
 * and asks for what it missed. Nobody else notices.
 */
import type { Socket } from "node:net";

export interface Outbound {
  /** An answer to a request. Goes out before whatever waits. */
  answer(frame: Buffer): void;
  /** A frame that has to arrive, after everything before it. */
  keep(frame: Buffer, sessionId?: string): void;
  /** A frame that a newer one of the same key replaces while it waits. */
  newest(key: string, frame: Buffer): void;
  /** A stored event. `late` says what a client gets that is too slow for it. */
  event(sessionId: string, seq: number, frame: Buffer, late: "gap" | "replay"): void;
  /** Reads events `from` to `to` from the store and sends them, before what comes later. */
  replayEvents(sessionId: string, from: number, to: number): void;
  /** Reads completions above `after`, up to `upTo`, and sends them, before what comes later. */
  replayCompletions(after: number, upTo: number): void;
  /** Nothing but answers goes out until the returned function was called. */
  hold(): () => void;
  readonly congested: boolean;
  /** Resolves when everything was handed to the socket, or the socket is gone. */
  drained(): Promise<void>;
}

/** Where frames for a replay come from: the next page, empty at the end. */
export interface Replays {
  events(sessionId: string, from: number, to: number): Promise<{ frames: Buffer[]; next: number }>;
  completions(after: number, upTo: number): Promise<{ frames: Buffer[]; next: number }>;
  gap(sessionId: string, from: number, to: number): Buffer;
}

type Item =
  | { kind: "frame"; frame: Buffer | undefined; key?: string }
  | { kind: "gap"; sessionId: string; from: number; to: number }
  | { kind: "replay"; sessionId: string; from: number; to: number }
  | { kind: "completions"; from: number; to: number };

/** More than this many bytes in the socket's buffer: the client counts as slow. */
const slowBytes = 4 * 1024 * 1024;
/** More than this many bytes of waiting frames: the client is dropped. */
const mostWaitingBytes = 32 * 1024 * 1024;

export function createOutbound(
  socket: Socket,
  replays: Replays,
  dropped: (why: string) => void,
): Outbound {
  let unwritten: Buffer[] = [];
  let unwrittenBytes = 0;
  let waiting: Item[] = [];
  let waitingBytes = 0;
  let holds = 0;
  let pumping = false;
  const newestItems = new Map<string, Extract<Item, { kind: "frame" }>>();
  const openRanges = new Map<string, Extract<Item, { kind: "gap" | "replay" }>>();

  const isCongested = () => socket.writableLength + unwrittenBytes > slowBytes;
  const isDirect = () => waiting.length === 0 && holds === 0 && !pumping && !isCongested();

  function write(frame: Buffer): void {
    if (unwritten.length === 0) queueMicrotask(flush);
    unwritten.push(frame);
    unwrittenBytes += frame.length;
  }

  function flush(): void {
    const frames = unwritten;
    unwritten = [];
    unwrittenBytes = 0;
    if (socket.destroyed || !socket.writable) return;
    const [only] = frames;
    socket.write(frames.length === 1 && only !== undefined ? only : Buffer.concat(frames));
  }

  function wait(item: Item): void {
    if (socket.destroyed) return;
    waiting.push(item);
    if (item.kind === "frame") waitingBytes += item.frame?.length ?? 0;
    if (waitingBytes > mostWaitingBytes) {
      dropped(`it did not read ${waitingBytes} bytes of notifications`);
      socket.destroy();
      waiting = [];
      return;
    }
    void pump();
  }

  async function pump(): Promise<void> {
    if (pumping) return;
    pumping = true;
    while (waiting.length > 0 && holds === 0 && !socket.destroyed) {
      if (isCongested()) await socketDrained(socket);
      else await send(waiting.shift());
    }
    pumping = false;
  }

  /** Resolves at once for frames; asynchronous only where the store is read. */
  function send(item: Item | undefined): Promise<void> | undefined {
    switch (item?.kind) {
      case undefined:
        return undefined;
      case "frame":
        if (item.key !== undefined) newestItems.delete(item.key);
        waitingBytes -= item.frame?.length ?? 0;
        if (item.frame !== undefined) write(item.frame);
        return undefined;
      case "gap":
        closeRange(item);
        write(replays.gap(item.sessionId, item.from, item.to));
        return undefined;
      case "replay":
        return sendEvents(item);
      case "completions":
        return sendPages(item, (from, to) => replays.completions(from, to));
    }
  }

  async function sendEvents(item: Extract<Item, { kind: "replay" }>): Promise<void> {
    await sendPages(item, (from, to) => replays.events(item.sessionId, from, to));
    closeRange(item);
    // What the store could not give (it is degraded) is at least named.
    if (item.from <= item.to) write(replays.gap(item.sessionId, item.from, item.to));
  }

  /** `range.to` may grow while pages are read: late events extend an open replay. */
  async function sendPages(
    range: { from: number; to: number },
    read: (from: number, to: number) => Promise<{ frames: Buffer[]; next: number }>,
  ): Promise<void> {
    while (range.from <= range.to && !socket.destroyed) {
      const { frames, next } = await read(range.from, range.to);
      if (frames.length === 0) return;
      for (const frame of frames) write(frame);
      range.from = next;
      if (isCongested()) await socketDrained(socket);
    }
  }

  function closeRange(item: { sessionId: string }): void {
    if (openRanges.get(item.sessionId) === item) openRanges.delete(item.sessionId);
  }

  function extend(kind: "gap" | "replay", sessionId: string, from: number, to: number): void {
    const open = openRanges.get(sessionId);
    if (open?.kind === kind && from <= open.to + 1) {
      open.to = Math.max(open.to, to);
      return;
    }
    const item = { kind, sessionId, from, to };
    openRanges.set(sessionId, item);
    wait(item);
  }

  return {
    answer: write,
    keep(frame, sessionId) {
      if (isDirect()) return write(frame);
      // Later events of this session belong behind this frame.
      if (sessionId !== undefined) openRanges.delete(sessionId);
      wait({ kind: "frame", frame });
    },
    newest(key, frame) {
      if (isDirect()) return write(frame);
      const older = newestItems.get(key);
      if (older !== undefined) {
        waitingBytes -= older.frame?.length ?? 0;
        older.frame = undefined;
        delete older.key;
      }
      const item = { kind: "frame" as const, frame, key };
      newestItems.set(key, item);
      wait(item);
    },
    event(sessionId, seq, frame, late) {
      if (isDirect()) write(frame);
      else extend(late, sessionId, seq, seq);
    },
    replayEvents(sessionId, from, to) {
      if (from <= to) extend("replay", sessionId, from, to);
    },
    replayCompletions(after, upTo) {
      if (after < upTo) wait({ kind: "completions", from: after + 1, to: upTo });
    },
    hold() {
      holds += 1;
      return () => {
        holds -= 1;
        void pump();
      };
    },
    get congested() {
      return isCongested();
    },
    async drained() {
      while (!socket.destroyed && (pumping || unwrittenBytes > 0 || socket.writableLength > 0)) {
        if (unwrittenBytes > 0) flush();
        if (socket.writableLength > 0) await socketDrained(socket);
        else await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

function socketDrained(socket: Socket): Promise<void> {
  if (socket.destroyed || !socket.writableNeedDrain) {
    return new Promise((resolve) => setImmediate(resolve));
  }
  return new Promise((resolve) => {
    const done = () => {
      socket.off("drain", done).off("close", done);
      resolve();
    };
    socket.on("drain", done).on("close", done);
  });
}
