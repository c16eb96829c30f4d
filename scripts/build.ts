/**
 * `npm run build`: makes the bundles that are shipped. A source checkout never runs them.
 * `node scripts/build.ts FOLDER` writes them to another folder than dist/.
 */
import { readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { build, type BuildOptions, type Plugin } from "esbuild";

const root = join(import.meta.dirname, "..");
const outdir = resolve(process.argv[2] ?? join(root, "dist"));

/**
 * What main.ts loads only when it is wanted is a file of its own: V8 keeps the text of a whole file
 * in memory, and the built-in agent's is four times that of everything else.
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
    // The first comes with the first agent that speaks ACP: in one file with the core it would turn
    // all that both use, such as zod, into modules that are initialised too late. The other one is
    // wanted where two versions meet.
    const libraries = { "@agentclientprotocol/sdk": "./acp.cjs", semver: "./semver.cjs" };
    for (const [name, path] of Object.entries(libraries)) {
      bundler.onResolve({ filter: new RegExp(`^${name}$`) }, ({ kind }) =>
        kind === "dynamic-import" ? { path, external: true } : undefined,
      );
    }
  },
};

/** Of the manifest the programs want the version only, and most of it is for the editor. */
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
  // A native addon: its binary is shipped beside the bundle, in node_modules.
  external: ["sqlite3"],
});

/** What the extension loads only when it is wanted; its activation waits for nothing of it. */
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
  // The editor gives it to its extensions.
  external: ["vscode"],
});

// What runs inside the editor's web views.
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
