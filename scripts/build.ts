/**
 * `npm run build`: makes the bundles of a package. A source checkout never runs them.
 * `node scripts/build.ts FOLDER` writes them to another folder than dist/.
 */
import { readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { build, type BuildOptions, type Plugin } from "esbuild";

const root = join(import.meta.dirname, "..");
const outdir = resolve(process.argv[2] ?? join(root, "dist"));

/**
 * Modules that main.ts imports only when it needs them are files of their own: V8 keeps the text of
 * a whole file in memory, and the built-in agent has four times the text of all the rest.
 */
const programs = new Map([
  ["./core/core.ts", "core"],
  ["./agent/agent.ts", "agent"],
  ["./mcp/toolServer.ts", "mcp"],
  ["./terminal/commands.ts", "terminal"],
]);

const programsApart: Plugin = {
  name: "a file for each program",
  setup(bundler) {
    bundler.onResolve({ filter: /^\.\/.*\.ts$/ }, ({ path, kind, importer }) => {
      const name = programs.get(path);
      const isMain = importer.endsWith(join("daemon", "main.ts"));
      if (kind !== "dynamic-import" || name === undefined || !isMain) return undefined;
      return { path: `./${name}.cjs`, external: true };
    });
    // Both are imported late: the first with the first ACP agent, the second when two versions
    // meet. With the first in the core's file, zod and others would be initialised too late.
    const libraries = { "@agentclientprotocol/sdk": "./acp.cjs", semver: "./semver.cjs" };
    for (const [name, path] of Object.entries(libraries)) {
      bundler.onResolve({ filter: new RegExp(`^${name}$`) }, ({ kind }) =>
        kind === "dynamic-import" ? { path, external: true } : undefined,
      );
    }
  },
};

/** The programs need only the version of the manifest; the rest is for the editor. */
const versionOnly: Plugin = {
  name: "the version of the manifest",
  setup(bundler) {
    bundler.onLoad({ filter: /[/\\]package\.json$/ }, async ({ path }) => {
      if (path !== join(root, "package.json")) return undefined;
      const { version } = JSON.parse(await readFile(path, "utf8")) as { version: string };
      return { contents: JSON.stringify({ version }), loader: "json" };
    });
  },
};

const shared: BuildOptions = {
  absWorkingDir: root,
  plugins: [versionOnly],
  outdir,
  outExtension: { ".js": ".cjs" },
  bundle: true,
  platform: "node",
  target: "node22",
  format: "cjs",
  supported: { "dynamic-import": false },
  // The "main" of some packages (jsonc-parser) hides its own require() calls from the bundler.
  mainFields: ["module", "main"],
  // CommonJS has no import.meta; these mean the same in the bundle.
  define: {
    "import.meta.url": "importMetaUrl",
    "import.meta.dirname": "__dirname",
    "import.meta.filename": "__filename",
  },
  banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
  // Names of functions are kept, so that a stack in a log can be read.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: "external",
  logLevel: "info",
};

await build({
  ...shared,
  entryPoints: {
    offshoot: "daemon/main.ts",
    core: "daemon/core/core.ts",
    acp: "@agentclientprotocol/sdk",
    semver: "semver",
    agent: "daemon/agent/agent.ts",
    mcp: "daemon/mcp/toolServer.ts",
    terminal: "daemon/terminal/commands.ts",
  },
  plugins: [versionOnly, programsApart],
  // A native addon: a package holds its binary beside the bundle, in node_modules.
  external: ["sqlite3"],
});

/** Modules that the extension loads only when it needs them, so that its activation is fast. */
const loadedLater: Plugin = {
  name: "a file for what is loaded later",
  setup(bundler) {
    bundler.onResolve({ filter: /\/(connection|subAgentTools)\.ts$/ }, ({ path, kind }) =>
      kind === "dynamic-import"
        ? { path: `./${basename(path, ".ts")}.cjs`, external: true }
        : undefined,
    );
  },
};

await build({
  ...shared,
  entryPoints: {
    extension: "extension/activate.ts",
    connection: "extension/daemon/connection.ts",
    subAgentTools: "extension/chatTools/subAgentTools.ts",
  },
  plugins: [versionOnly, loadedLater],
  // The editor provides this module.
  external: ["vscode"],
});

// The pages in the editor's web views.
await build({
  ...shared,
  entryPoints: {
    transcript: "extension/pages/transcript/page.ts",
    timeline: "extension/pages/timeline/page.ts",
  },
  outExtension: { ".js": ".js" },
  platform: "browser",
  target: "es2024",
  format: "iife",
  banner: {},
  define: {},
  minify: true,
});
