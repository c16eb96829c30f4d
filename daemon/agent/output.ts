/** The agent's stdout as a web stream that joins what is written in one turn of the event loop. */
import type { Writable } from "node:stream";

/** Writers wait while more bytes than this are buffered, because the client reads too slowly. */
const mostGathered = 1_000;

/** Joins writes: one system call per word of every session would cost more than the words. */
export function gatheredOutput(stdout: Writable): WritableStream<Uint8Array> {
  let gathered: Uint8Array[] = [];
  let written = Promise.resolve();
  let fail: (error: unknown) => void = () => undefined;

  /** Resolves when more may be written, or when the stream has closed. */
  const flush = () =>
    new Promise<void>((done) => {
      setImmediate(() => {
        const bytes = Buffer.concat(gathered);
        gathered = [];
        const hasRoom = stdout.write(bytes, (error) => {
          if (error) fail(error);
          done();
        });
        if (hasRoom) done();
      });
    });

  return new WritableStream({
    start(controller) {
      fail = (error) => controller.error(error);
      stdout.on("error", fail);
    },
    write(chunk) {
      gathered.push(chunk);
      if (gathered.length === 1) written = written.then(flush);
      return gathered.length < mostGathered ? undefined : written;
    },
    close: () => written,
  });
}
