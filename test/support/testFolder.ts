/**
 * The one folder of this test process. Everything that a test makes lies below it: it is what
 * `os.tmpdir()` answers, here and in every process that inherits the environment. So a process is
 * known as ours when it names this folder, and a file that outlives its suite is found here.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A program of a test is given a folder of the test, for a program that is killed removes none. */
const { OFFSHOOT_TEST_FOLDER: given } = process.env;
/** Absolute and short, because a Unix socket's path has room for about 100 bytes. */
export const testFolder = given ?? mkdtempSync(join(tmpdir(), "os-"));
// A test that acts as another user passes through this folder, and through the one that has it.
chmodSync(testFolder, 0o711);
if (given === undefined) {
  process.once("exit", () => rmSync(testFolder, { recursive: true, force: true }));
}

// A test that forgets to choose a state folder must not find the developer's own core,
// and one that is run by an agent of Offshoot is no child of that agent.
for (const name of Object.keys(process.env)) {
  if (name.startsWith("OFFSHOOT_") && !name.startsWith("OFFSHOOT_TEST_")) delete process.env[name];
}

/** Where the defaults point to, so that no test reads or writes what belongs to the developer. */
const homes = join(testFolder, "homes");
mkdirSync(homes, { recursive: true });
process.env["TMPDIR"] = testFolder;
process.env["TEMP"] = testFolder;
process.env["TMP"] = testFolder;
process.env["XDG_CONFIG_HOME"] = join(homes, "config");
process.env["XDG_STATE_HOME"] = join(homes, "state");
process.env["NODE_COMPILE_CACHE"] = join(homes, "compile-cache");

/** Files and folders directly below the test folder that tests have made. */
export const notByTests: ReadonlySet<string> = new Set(["homes"]);
