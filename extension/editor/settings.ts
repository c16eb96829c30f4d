/** The editor's settings under `offshoot`, as the daemon and the other parts want them. Pure. */
import { join } from "node:path";
import type { Config } from "../../protocol/config.ts";

/** What `workspace.getConfiguration("offshoot")` is, as far as it is used here. */
export interface SettingsReader {
  get(name: string): unknown;
}

export const notificationLevels = ["all", "needsMe", "failures", "none"] as const;
export type NotificationLevel = (typeof notificationLevels)[number];

/**
 * The part that the daemon gets from its client. What nobody has set is left out, so that the
 * daemon's own files count. Nothing is checked here: the daemon does, names what is wrong, and uses
 * the rest.
 */
export function clientSettings(settings: SettingsReader): Config {
  const mode = settings.get("permissions.mode");
  const parts = {
    agents: settings.get("agents"),
    defaultAgent: settings.get("defaultAgent"),
    defaultModel: settings.get("defaultModel"),
    limits: settings.get("limits"),
    permissions: isSet(mode) ? { mode } : undefined,
  };
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => isSet(value))) as Config;
}

export function notificationLevel(settings: SettingsReader): NotificationLevel {
  const level = settings.get("notifications");
  return notificationLevels.find((one) => one === level) ?? "needsMe";
}

/** The state folder that was chosen, for `--state-dir`; undefined: the platform's. */
export function stateFolder(settings: SettingsReader, home: string): string | undefined {
  const folder = settings.get("stateFolder");
  if (typeof folder !== "string" || folder.trim() === "") return undefined;
  return folder.trim().replace(/^~(?=$|[/\\])/, () => join(home));
}

/** The settings' editor writes empty values where a person has cleared one. */
function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}
