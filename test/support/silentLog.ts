import type { Log } from "../../daemon/base/log.ts";

/** For parts whose log is of no interest to a test. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
