/**
 * `npm run package`: makes `offshoot-PLATFORM-VERSION.vsix` for this platform, an extension that
 * can be installed. `node scripts/package.ts FOLDER` writes it to another folder than the root.
 *
 * The files that `.vscodeignore` allows are put together in a folder of their own, so that the
 * package holds nothing else, and bundles of the present source. SQLite's packages are below dist/
 * there, because vsce packs a node_modules/ in the root only with everything that npm installed.
 * Each platform has a package of its own because of SQLite's binding; see docs/packaging.md.
 */
import { execFileSync } from "node:child_process";
import {
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { createVSIX } from "@vscode/vsce";

const root = join(import.meta.dirname, "..");
const outdir = resolve(process.argv[2] ?? root);

/** Fields of package.json. */
const forDevelopersOnly = new Set([
  "scripts",
  "dependencies",
  "devDependencies",
  "overrides",
  "allowScripts",
]);

const staged = mkdtempSync(join(tmpdir(), "vsix-"));
try {
  console.log(await makePackage());
} finally {
  rmSync(staged, { recursive: true, force: true });
}

/** Makes the package; returns a sentence with its name and sizes. */
async function makePackage(): Promise<string> {
  execFileSync(process.execPath, [join(root, "scripts", "build.ts"), join(staged, "dist")], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  stageFiles();
  const { version } = stageManifest();
  // A binding that does not load here is for another platform.
  createRequire(join(staged, "dist", "core.cjs"))("sqlite3");

  const target = platform();
  const packagePath = join(outdir, `offshoot-${target}-${version}.vsix`);
  mkdirSync(outdir, { recursive: true });
  await createVSIX({
    cwd: staged,
    packagePath,
    target,
    dependencies: false,
    rewriteRelativeLinks: false,
    allowMissingRepository: true,
  });
  const files = globSync("**", { cwd: staged, withFileTypes: true }).filter((one) => one.isFile());
  const sizes = files.map((file) => ({
    isBinding: extname(file.name) === ".node",
    bytes: statSync(join(file.parentPath, file.name)).size,
  }));
  const total = (isBinding: boolean) =>
    sizes.reduce((sum, one) => sum + (one.isBinding === isBinding ? one.bytes : 0), 0);
  return [
    `${packagePath}: ${megabytes(statSync(packagePath).size)}`,
    `installed: ${megabytes(total(false))} in ${files.length - 1} files, and the binding ${megabytes(total(true))}`,
  ].join("\n");
}

function stageFiles(): void {
  const allowed = readFileSync(join(root, ".vscodeignore"), "utf8").matchAll(/^!(.*)$/gm);
  for (const [, pattern = ""] of allowed) {
    // The bundles are already in the folder.
    if (pattern.startsWith("dist/")) continue;
    const found = globSync(pattern, { cwd: root });
    if (found.length === 0) throw new Error(`.vscodeignore: there is no ${pattern}`);
    for (const file of found) cpSync(join(root, file), stagedPath(file));
  }
  const page = join(staged, "README.md");
  writeFileSync(page, withPictures(readFileSync(page, "utf8")));
}

function stagedPath(file: string): string {
  if (file.startsWith("node_modules")) return join(staged, "dist", file);
  // The page of the extension, which the editor expects in the root.
  if (file === join("extension", "README.md")) return join(staged, "README.md");
  return join(staged, file);
}

/** The page with its pictures in it, because the editor reads no pictures from the package. */
function withPictures(markdown: string): string {
  return markdown.replaceAll(/(!\[[^\]]*\])\(([^):]+\.png)\)/g, (_, alt: string, path: string) => {
    const picture = readFileSync(resolve(root, "extension", path)).toString("base64");
    return `${alt}(data:image/png;base64,${picture})`;
  });
}

/** The editor reads the manifest at every start, so it holds only fields for the editor. */
function stageManifest(): { version: string } {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as object;
  const shipped = Object.entries(manifest).filter(([name]) => !forDevelopersOnly.has(name));
  const text = JSON.stringify(Object.fromEntries(shipped), undefined, 1);
  writeFileSync(join(staged, "package.json"), `${text}\n`);
  return manifest as { version: string };
}

/** The editor's name of this platform: `linux-x64`, `alpine-arm64`, `darwin-arm64`, `win32-x64` … */
function platform(): string {
  const report = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  const isMusl = process.platform === "linux" && report.header.glibcVersionRuntime === undefined;
  return `${isMusl ? "alpine" : process.platform}-${process.arch}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(2)} MB`;
}
