import { join } from "node:path";
import envPaths from "env-paths";

/** The user's configuration file: `OFFSHOOT_CONFIG`, else in the platform's configuration folder. */
export function userConfigFile(environment: NodeJS.ProcessEnv): string {
  return environment["OFFSHOOT_CONFIG"] ?? join(configFolder(), "config.json");
}

function configFolder(): string {
  return envPaths("offshoot", { suffix: "" }).config;
}
