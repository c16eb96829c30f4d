/**
 * The suites that drive a real editor or browser, as one file of `npm test`: so they run one after
 * another, while processes of their own run the other files, and share one package.
 */
import { globSync } from "node:fs";
import { join } from "node:path";

const folder = import.meta.dirname;
for (const name of globSync("*.test.ts", { cwd: folder }).toSorted()) {
  await import(join(folder, name));
}
