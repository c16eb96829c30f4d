/**
 * The lines that a front and a core exchange before the first frame, one JSON object each:
 *
 *     front  { token, version, protocolVersion, pid }
 *     core   { version, protocolVersion, pid, idle }      or { error } and the end
 *     front  { action: "join" }                           frames follow, both ways
 *        or  { action: "takeover" }                       core: { ok: true }, it stops; or { error }
 *
 * Both sides use this file, and a front has to start fast: it imports nothing that takes time.
 */
import type { Socket } from "node:net";

export interface Version {
  version: string;
  protocolVersion: number;
}

/** One side of the handshake, as the other side sees it. */
export interface Peer extends Version {
  pid: number;
}

/** The first line of a client; the token shows that it may read files of the core's owner. */
export interface Hello extends Peer {
  token: string;
}

/** The core's answer; while `idle`, a newer version may take its place. */
export interface Welcome extends Peer {
  idle: boolean;
}

export interface Refusal {
  error: string;
}

export interface Action {
  action: "join" | "takeover";
}

/** Longer lines than this are no handshake; in bytes. */
export const longestLine = 4096;

/** How long one side waits for a line of the other. */
export const lineTimeoutMs = 10_000;

/** A core ends with this exit code when another one holds the lock of its state folder. */
export const lockHeldExitCode = 3;

/**
 * The last notification that a core sends on every connection when it stops in order. A front that
 * has read it does not start another core until its client asks for something; without it the
 * front of an older version would race the newer core that displaces the older one.
 */
export const stoppingMethod = "$/offshoot/stopping";

/** No line could be read: it was too long or too late, or the connection closed. */
export class HandshakeError extends Error {
  override readonly name = "HandshakeError";
}

/**
 * Reads one line and leaves the socket paused, with every byte behind the line still to be read.
 * Rejects with a HandshakeError after `timeoutMs`, past 4 KiB, and when the socket closes.
 */
export function readLine(socket: Socket, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    if (socket.destroyed) return reject(new HandshakeError("the connection is closed"));
    const parts: Buffer[] = [];
    let length = 0;
    const settle = () => {
      clearTimeout(timer);
      socket.pause().off("data", onData).off("close", onClose);
    };
    const fail = (message: string) => {
      settle();
      reject(new HandshakeError(message));
    };
    const onClose = () => fail("the connection closed before a whole line had come");
    const onData = (chunk: Buffer) => {
      const end = chunk.indexOf(0x0a);
      length += end < 0 ? chunk.length : end;
      if (length > longestLine) return fail(`the line is longer than ${longestLine} bytes`);
      parts.push(end < 0 ? chunk : chunk.subarray(0, end));
      if (end < 0) return;
      settle();
      if (end + 1 < chunk.length) socket.unshift(chunk.subarray(end + 1));
      resolve(Buffer.concat(parts).toString("utf8"));
    };
    const timer = setTimeout(() => fail(`no line came within ${timeoutMs} ms`), timeoutMs);
    socket.on("data", onData).on("close", onClose).resume();
  });
}

/** Writes one object as a line. */
export function writeLine(socket: Socket, line: Hello | Welcome | Refusal | Action | { ok: true }) {
  socket.write(`${JSON.stringify(line)}\n`);
}

/** The JSON object of a line, or undefined where it is none. Its fields are not checked. */
export function parseLine<Line>(line: string): Partial<Line> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether `version` is newer than `other` by the order of semantic versions. */
export async function isNewer(version: string, other: string): Promise<boolean> {
  if (version === other) return false;
  // Loaded here because fronts and cores of the same version, the usual case, never need it.
  const semver = await import("semver");
  return (
    semver.valid(version) !== null && semver.valid(other) !== null && semver.gt(version, other)
  );
}
