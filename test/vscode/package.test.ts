/** The package that people install: what is in it, how large it is, and that it works by itself. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { basename, join, posix } from "node:path";
import { endCores } from "../support/daemon.ts";
import {
  packagedExtension,
  packagedFiles,
  unpackExtension,
  type PackagedFile,
} from "../support/editor/packagedExtension.ts";
import { checkLeaks } from "../support/leaks.ts";
import { runProgram } from "../support/repository.ts";
import { testFolder } from "../support/testFolder.ts";

/** Everything that a package may hold. */
const allowed = [
  /^\[Content_Types\]\.xml$/,
  /^extension\.vsixmanifest$/,
  /^extension\/(package\.json|readme\.md|changelog\.md|LICENSE\.txt|daemon\/bin\.cjs)$/,
  /^extension\/dist\/[a-zA-Z]+\.c?js$/,
  /^extension\/dist\/[a-zA-Z]+\.c?js\.LEGAL\.txt$/,
  /^extension\/media\/(walkthrough\/)?[\w-]+\.(svg|png|md|css)$/,
  /^extension\/dist\/node_modules\/sqlite3\/(package\.json|LICENSE|lib\/\w[\w-]*\.js)$/,
  /^extension\/dist\/node_modules\/sqlite3\/build\/Release\/node_sqlite3\.node$/,
  /^extension\/dist\/node_modules\/(bindings|file-uri-to-path)\/(package\.json|LICENSE(\.md)?|bindings\.js|index\.js)$/,
];
const binding = "extension/dist/node_modules/sqlite3/build/Release/node_sqlite3.node";
const megabyte = 1_000_000;

describe("the package of the extension", () => {
  checkLeaks();

  let vsix: string;
  let files: Map<string, PackagedFile>;
  before("make it", async () => {
    vsix = await packagedExtension();
    files = new Map(packagedFiles(vsix).map((file) => [file.name, file]));
  });

  function text(name: string): string {
    const file = files.get(name);
    assert.ok(file, `${name} is not in the package`);
    return file.content().toString("utf8");
  }

  it("holds what it may hold, and nothing else", () => {
    const others = [...files.keys()].filter((name) => !allowed.some((one) => one.test(name)));
    assert.deepEqual(others, []);
  });

  it("is for this platform", () => {
    const platform = /^offshoot-(.+)-\d+\.\d+\.\d+\.vsix$/.exec(basename(vsix))?.[1] ?? "";
    assert.ok(platform.endsWith(`-${process.arch}`), platform);
    assert.match(text("extension.vsixmanifest"), new RegExp(`TargetPlatform="${platform}"`));
  });

  it("is small", () => {
    const packed = [...files.values()].reduce((sum, { packedBytes }) => sum + packedBytes, 0);
    const rest = packed - (files.get(binding)?.packedBytes ?? 0);
    assert.ok(rest < 5 * megabyte, `${rest} bytes without the binding`);
    // Read at every start of a window.
    assert.ok((files.get("extension/dist/extension.cjs")?.bytes ?? Infinity) < 2 * megabyte);
  });

  it("has no source maps, and no texts of the repository's files", () => {
    const withMaps = [...files.values()]
      .filter(({ name }) => /\.(c?js|css)$/.test(name))
      .filter((file) => /^\/[/*][#@] sourceMappingURL=/m.test(file.content().toString("utf8")));
    assert.deepEqual(
      withMaps.map(({ name }) => name),
      [],
    );
  });

  it("has every file that its manifest names", () => {
    const manifest = text("extension/package.json");
    const named = [...manifest.matchAll(/"(?:\.\/)?((?:media|dist)\/[\w./-]+)"/g)];
    const missing = named
      .map(([, path = ""]) => posix.join("extension", path))
      .filter((name) => !files.has(name));
    assert.ok(named.length >= 3, manifest);
    assert.deepEqual(missing, []);
    const { icon, scripts } = JSON.parse(manifest) as { icon?: string; scripts?: unknown };
    assert.equal(icon, "media/icon.png");
    assert.equal(scripts, undefined);
  });

  it("has a page whose pictures are in it, since the editor loads none from a package", () => {
    const page = text("extension/readme.md");
    const pictures = [...page.matchAll(/!\[[^\]]*\]\(([^)]{0,40})/g)].map(([, source]) => source);
    assert.ok(pictures.length > 0);
    assert.deepEqual(
      pictures.filter((source) => !source?.startsWith("data:image/png;base64,")),
      [],
    );
  });

  it("runs a sub-agent by itself", async () => {
    const folder = mkdtempSync(join(testFolder, "p-"));
    const program = join(unpackExtension(vsix, folder), "daemon", "bin.cjs");
    const state = ["--state-dir", join(folder, "s")];
    try {
      const ran = await runProgram("node", [program, ...state, "run", "echo hi"], folder);
      assert.equal(ran.exitCode, 0, ran.output);
      assert.match(ran.output, /^hi$/m);
    } finally {
      await endCores();
      rmSync(folder, { recursive: true });
    }
  });
});
