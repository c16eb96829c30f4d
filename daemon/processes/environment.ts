/** The environment that a program of a run starts with. */
import { delimiter } from "node:path";

/**
 * The variables that a run's program gets of the core's environment. A name that ends in `*` stands
 * for every name that begins so; case counts except on Windows. Any other variable, such as a key
 * of a model provider, has to be named in the agent's `env`.
 */
export const allowedVariables: readonly string[] = [
  // user and place
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "HOSTNAME",
  "TMPDIR",
  "TMP",
  "TEMP",
  "XDG_*",
  // language, time and terminal
  "LANG",
  "LANGUAGE",
  "LC_*",
  "TZ",
  "TERM",
  "COLORTERM",
  "NO_COLOR",
  "FORCE_COLOR",
  // network: key agents, proxies, certificates
  "SSH_AUTH_SOCK",
  "GPG_TTY",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "ALL_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "all_proxy",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  // the desktop
  "DISPLAY",
  "WAYLAND_DISPLAY",
  "XAUTHORITY",
  "DBUS_SESSION_BUS_ADDRESS",
  // required by programs on Windows
  "ALLUSERSPROFILE",
  "APPDATA",
  "COMMONPROGRAMFILES*",
  "COMPUTERNAME",
  "COMSPEC",
  "HOMEDRIVE",
  "HOMEPATH",
  "LOCALAPPDATA",
  "NUMBER_OF_PROCESSORS",
  "OS",
  "PATHEXT",
  "PROCESSOR_*",
  "PROGRAMDATA",
  "PROGRAMFILES*",
  "PSMODULEPATH",
  "PUBLIC",
  "SYSTEMDRIVE",
  "SYSTEMROOT",
  "USERDOMAIN",
  "USERNAME",
  "USERPROFILE",
  "WINDIR",
];

/** The variables by which a run's processes are found. No profile can change them. */
const markVariables = ["OFFSHOOT_RUN", "OFFSHOOT_SESSION", "OFFSHOOT_STATE_DIR"];

/**
 * The allowed part of `base`, the marks of the run, and `binDir` as the last folder of PATH, so
 * that the program can call `offshoot` to spawn children.
 */
export function runEnvironment(parts: {
  base: NodeJS.ProcessEnv;
  runId: string;
  sessionId: string;
  stateDir: string;
  binDir: string;
}): Record<string, string> {
  const environment = allowedPart(parts.base);
  const pathName = Object.keys(environment).find((name) => sameCase(name) === "PATH") ?? "PATH";
  const path = environment[pathName];
  environment[pathName] = path ? `${path}${delimiter}${parts.binDir}` : parts.binDir;
  environment["OFFSHOOT_RUN"] = parts.runId;
  environment["OFFSHOOT_SESSION"] = parts.sessionId;
  environment["OFFSHOOT_STATE_DIR"] = parts.stateDir;
  return environment;
}

/** The environment of a run with variables of its own, which cannot change the run's marks. */
export function withOwnVariables(
  environment: Record<string, string>,
  own: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const variables = Object.entries(own);
  const allowed = variables.filter(([name]) => !markVariables.includes(name.toUpperCase()));
  return { ...environment, ...Object.fromEntries(allowed) };
}

/** The variables of an environment that runs may get. */
export function allowedPart(environment: NodeJS.ProcessEnv): Record<string, string> {
  const allowed: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && isAllowed(name)) allowed[name] = value;
  }
  return allowed;
}

const exactNames = new Set(allowedVariables.filter((name) => !name.endsWith("*")));
const beginnings = allowedVariables
  .filter((name) => name.endsWith("*"))
  .map((name) => name.slice(0, -1));

function isAllowed(name: string): boolean {
  const comparable = sameCase(name);
  return exactNames.has(comparable) || beginnings.some((start) => comparable.startsWith(start));
}

function sameCase(name: string): string {
  return process.platform === "win32" ? name.toUpperCase() : name;
}
