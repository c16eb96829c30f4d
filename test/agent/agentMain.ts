/** Starts the built-in agent on this process's stdio, without the command line around it. */
import { runAgent } from "../../daemon/agent/agent.ts";

const { stdin, stdout, stderr, env } = process;
process.exitCode = await runAgent({ stdin, stdout, stderr, environment: env, version: "0.0.0" });
