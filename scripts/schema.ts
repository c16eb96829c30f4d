/**
 * `npm run schema`: writes protocol/schema.json and docs/protocol.md from the method table, for
 * clients in other languages and for people. With `--check` it writes nothing; if a file is not up to
 * date, it prints the file's name and exits with 1. `node scripts/schema.ts FOLDER` uses another
 * folder than this repository.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { protocolReference } from "./protocolReference.ts";
import { protocolSchema } from "./protocolSchema.ts";

const { values, positionals } = parseArgs({
  options: { check: { type: "boolean" } },
  allowPositionals: true,
});
const [folder = join(import.meta.dirname, "..")] = positionals;

const schema = protocolSchema();
const generated = {
  "protocol/schema.json": `${JSON.stringify(schema, undefined, 2)}\n`,
  "docs/protocol.md": protocolReference(schema),
};

for (const [file, text] of Object.entries(generated)) {
  const path = join(folder, file);
  if (text === currentText(path)) continue;
  if (values.check) {
    console.error(`${file} is not up to date with protocol/*.ts: run "npm run schema".`);
    process.exitCode = 1;
  } else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    console.log(`wrote ${file}`);
  }
}

function currentText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
