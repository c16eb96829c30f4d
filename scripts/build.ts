/**
 * `npm run build`: makes the bundles that are shipped. A source checkout never runs them.
 * `node scripts/build.ts FOLDER` writes them to another folder than dist/.
 */
import { join, resolve } from "node:path";
import { build, type BuildOptions } from "esbuild";

const root = join(import.meta.dirname, "..");
const outdir = resolve(process.argv[2] ?? join(root, "dist"));

/**
 * One file per program. esbuild keeps what stands behind a dynamic import() unevaluated until it
 * is asked for, so one file is as quick to start as several, and needs no paths between them.
 */
const shared: BuildOptions = {
  absWorkingDir: root,
  outdir,
  outExtension: { ".js": ".cjs" },
  bundle: true,
  platform: "node",
  target: "node22",
  format: "cjs",
  // The "main" of some packages (jsonc-parser) hides its own require() calls from the bundler.
  mainFields: ["module", "main"],
  // CommonJS has no import.meta; these have the same meaning for the bundle as for a source file.
  define: {
    "import.meta.url": "importMetaUrl",
    "import.meta.dirname": "__dirname",
    "import.meta.filename": "__filename",
  },
  banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
  // Identifiers stay, so that a stack in a log says something.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: "external",
  logLevel: "info",
};

await build({
  ...shared,
  entryPoints: { offshoot: "daemon/main.ts" },
  // A native addon: its binary is shipped beside the bundle, in node_modules.
  external: ["sqlite3"],
});

await build({
  ...shared,
  entryPoints: { extension: "extension/activate.ts" },
  // The editor gives it to its extensions.
  external: ["vscode"],
});
