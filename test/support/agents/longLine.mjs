// Prints one line of as many MiB as its argument says.
import { writeSync } from "node:fs";

const piece = Buffer.alloc(1024 * 1024, "x");
for (let n = Number(process.argv[2]); n > 0; n -= 1) {
  for (let at = 0; at < piece.length;) {
    try {
      at += writeSync(1, piece, at);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}
writeSync(1, "\n");
