/** package.json, its lock, and the list of what is shipped. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkLeaks } from "../support/leaks.ts";
import { repository } from "../support/repository.ts";

interface Manifest {
  bin: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  overrides: Record<string, string>;
  allowScripts: Record<string, boolean>;
}

interface LockedPackage {
  version?: string;
  resolved?: string;
  link?: boolean;
  hasInstallScript?: boolean;
  optionalDependencies?: Record<string, string>;
}

/** Packages whose install script is switched off in `allowScripts`, and why we can do without it. */
const scriptsNotNeeded: Record<string, string> = {
  "@vscode/vsce-sign": "only signs packages for the marketplace, which we do not do",
  esbuild: "only replaces its launcher in node_modules/.bin; its API finds the binary without it",
};

describe("package.json", () => {
  checkLeaks();

  const manifest = read("package.json") as Manifest;
  const { packages } = read("package-lock.json") as { packages: Record<string, LockedPackage> };

  it("names exact versions", () => {
    const { dependencies, devDependencies, overrides } = manifest;
    const versions = Object.entries({ ...dependencies, ...devDependencies, ...overrides });
    assert.deepEqual(
      versions.filter(([, version]) => !isExact(version)),
      [],
    );
    assert.deepEqual(
      ["^1.0.0", "~1.0.0", "1", "1.x", "*", "latest", ">=1.0.0"].filter(isExact),
      [],
    );
    assert.ok(isExact("npm:@scope/name@1.2.3-beta.4"));
  });

  it("decides about every install script in the lock", () => {
    const withScript = Object.entries(packages)
      .filter(([, { hasInstallScript }]) => hasInstallScript)
      .map(([path]) => path.replace(/^.*node_modules\//, ""));
    const decided = Object.keys(manifest.allowScripts);
    assert.deepEqual([...new Set(withScript)].toSorted(), decided.toSorted());
    const switchedOff = decided.filter((name) => manifest.allowScripts[name] === false);
    assert.deepEqual(switchedOff, Object.keys(scriptsNotNeeded));
  });

  it("has a lock with every platform's packages, without which npm 12 installs nothing", () => {
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) =>
          !(`${path}/node_modules/${name}` in packages) && !(`node_modules/${name}` in packages),
      ),
    );
    assert.deepEqual(missing, []);
  });

  it("has a lock that names no server", () => {
    const located = Object.entries(packages).filter(([, { resolved }]) => resolved !== undefined);
    assert.deepEqual(located, []);
  });

  it("has a command whose file is there", () => {
    for (const file of Object.values(manifest.bin)) {
      assert.ok(readFileSync(join(repository, file), "utf8").startsWith("#!/usr/bin/env node\n"));
    }
  });
});

describe(".vscodeignore", () => {
  checkLeaks();

  it("is a list of what is shipped, and everything else is left out", () => {
    const [first, ...others] = readFileSync(join(repository, ".vscodeignore"), "utf8")
      .trim()
      .split("\n");
    assert.equal(first, "**");
    assert.ok(others.length > 0);
    assert.deepEqual(
      others.filter((line) => !line.startsWith("!")),
      [],
    );
  });
});

function isExact(version: string): boolean {
  return /^(npm:@?[\w./-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version);
}

function read(file: string): unknown {
  return JSON.parse(readFileSync(join(repository, file), "utf8"));
}
