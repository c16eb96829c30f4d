/** The extension as people install it: made once for each run of the tests, and looked into. */
import assert from "node:assert/strict";
import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { inflateRawSync } from "node:zlib";
import { runProgram } from "../repository.ts";
import { testFolder } from "../testFolder.ts";

/**
 * Path of the package of this platform, which `npm run package` makes where no suite has yet;
 * `OFFSHOOT_TEST_VSIX` names one that is there, such as the one that is going to be published.
 */
export async function packagedExtension(): Promise<string> {
  const given = process.env["OFFSHOOT_TEST_VSIX"];
  if (given !== undefined) return given;
  const folder = join(testFolder, "homes", "vsix");
  const made = () => globSync(join(folder, "*.vsix"))[0];
  if (made() === undefined) {
    const { exitCode, output } = await runProgram("node", ["scripts/package.ts", folder]);
    if (exitCode !== 0) assert.fail(output);
  }
  const path = made();
  assert.ok(path);
  return path;
}

export interface PackagedFile {
  /** With slashes; what the editor unpacks lies below `extension/`. */
  name: string;
  packedBytes: number;
  bytes: number;
  content(): Buffer;
}

/** What a package, which is a zip file, holds. */
export function packagedFiles(path: string): PackagedFile[] {
  const zip = readFileSync(path);
  const end = zip.lastIndexOf("PK\u0005\u0006");
  const count = zip.readUInt16LE(end + 10);
  const files: PackagedFile[] = [];
  let at = zip.readUInt32LE(end + 16);
  for (let nth = 0; nth < count; nth++) {
    const [method, packedBytes] = [zip.readUInt16LE(at + 10), zip.readUInt32LE(at + 20)];
    const nameLength = zip.readUInt16LE(at + 28);
    const header = zip.readUInt32LE(at + 42);
    files.push({
      name: zip.toString("utf8", at + 46, at + 46 + nameLength),
      packedBytes,
      bytes: zip.readUInt32LE(at + 24),
      content() {
        const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
        const packed = zip.subarray(start, start + packedBytes);
        return method === 0 ? packed : inflateRawSync(packed);
      },
    });
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return files;
}

/** Unpacks what the editor would, and answers the extension's folder. */
export function unpackExtension(vsix: string, folder: string): string {
  for (const file of packagedFiles(vsix)) {
    const path = join(folder, file.name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file.content());
  }
  return join(folder, "extension");
}
