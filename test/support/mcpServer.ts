/** `offshoot mcp` as the command line starts it, with a bound of waits that tests can choose. */
import { join } from "node:path";
import { joinCore } from "../../daemon/client/join.ts";
import { startCoreProcess } from "../../daemon/client/startCore.ts";
import { runToolServer } from "../../daemon/mcp/toolServer.ts";
import { stateFolder } from "../../daemon/base/stateFolder.ts";
import { VERSION } from "../../daemon/base/version.ts";
import { PROTOCOL_VERSION } from "../../protocol/version.ts";

const folder = stateFolder(undefined, process.env);
const entry = join(import.meta.dirname, "..", "..", "daemon", "main.ts");
const longestWaitMs = process.env["LONGEST_WAIT_MS"];

process.exitCode = await runToolServer({
  stdin: process.stdin,
  stdout: process.stdout,
  environment: process.env,
  cwd: process.cwd(),
  connect: async () => {
    const { socket } = await joinCore({
      folder,
      start: "ifNeeded",
      version: VERSION,
      protocolVersion: PROTOCOL_VERSION,
      startCore: () => startCoreProcess({ entry, folder }),
    });
    return socket;
  },
  ...(longestWaitMs !== undefined && { longestWaitMs: Number(longestWaitMs) }),
});
