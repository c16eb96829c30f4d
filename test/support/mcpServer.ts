/** `offshoot mcp` as the command line starts it, with a bound of waits that tests can choose. */
import { join } from "node:path";
import { joinCore } from "../../daemon/client/join.ts";
import { coreOf } from "../../daemon/client/startCore.ts";
import { runToolServer } from "../../daemon/mcp/toolServer.ts";
import { stateFolder } from "../../daemon/base/stateFolder.ts";
import { surroundingRun } from "../../daemon/client/surroundingRun.ts";

const folder = stateFolder(undefined, process.env);
const entry = join(import.meta.dirname, "..", "..", "daemon", "main.ts");
const longestWaitMs = process.env["LONGEST_WAIT_MS"];

process.exitCode = await runToolServer({
  stdin: process.stdin,
  stdout: process.stdout,
  environment: process.env,
  cwd: process.cwd(),
  run: surroundingRun(process.env, folder),
  connect: async () => (await joinCore({ ...coreOf(folder, entry), start: "ifNeeded" })).socket,
  ...(longestWaitMs !== undefined && { longestWaitMs: Number(longestWaitMs) }),
});
