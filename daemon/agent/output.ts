/** The agent's stdout as a stream of the web, which writes what came in one turn of the loop at once. */
import type { Writable } from "node:stream";

/** With more than this waiting, whoever writes has to wait: the client does not read so fast. */
const mostGathered = 1_000;

/** A system call for every word of every session would cost more than the words. */
export function gatheredOutput(stdout: Writable): WritableStream<Uint8Array> {
  let gathered: Uint8Array[] = [];
  let written = Promise.resolve();
  let fail: (error: unknown) => void = () => undefined;

  /** Resolves when more may be written, also when that makes no sense any more. */
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
