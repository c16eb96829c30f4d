/** The editor's settings under `offshoot`, for the daemon and for the extension itself. Pure. */
import { join } from "node:path";
import type { Config } from "../../protocol/config.ts";

/** The part of `workspace.getConfiguration("offshoot")` that is used here. */
export interface SettingsReader {
  get(name: string): unknown;
}

export const notificationLevels = ["all", "needsMe", "failures", "none"] as const;
export type NotificationLevel = (typeof notificationLevels)[number];

/**
 * The settings that the daemon gets from its client. Those that nobody has set are left out, so that
 * the daemon's configuration file applies. The daemon checks them, reports faults, and uses the rest.
 */
export function clientSettings(settings: SettingsReader): Config {
  const mode = settings.get("permissions.mode");
  const given = {
    agents: settings.get("agents"),
    defaultAgent: settings.get("defaultAgent"),
    defaultModel: settings.get("defaultModel"),
    limits: settings.get("limits"),
    permissions: isSet(mode) ? { mode } : undefined,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => isSet(value))) as Config;
}

export function notificationLevel(settings: SettingsReader): NotificationLevel {
  const level = settings.get("notifications");
  return notificationLevels.find((one) => one === level) ?? "needsMe";
}

/** The chosen state folder, for `--state-dir`; undefined for the platform's default. */
export function stateFolder(settings: SettingsReader, home: string): string | undefined {
  const folder = settings.get("stateFolder");
  if (typeof folder !== "string" || folder.trim() === "") return undefined;
  return folder.trim().replace(/^~(?=$|[/\\])/, () => join(home));
}

/** The settings editor stores an empty value for a setting that a person has cleared. */
function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}
