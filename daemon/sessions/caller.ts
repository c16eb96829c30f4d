/** The client that makes a request, as the parts behind the wire see it. */
import type { ClientOptions } from "../../protocol/daemon.ts";
import type { LoadedConfig } from "../config/config.ts";

export interface Caller {
  readonly name: string;
  readonly options: ClientOptions;
  /** The client's settings as far as they are valid, and what is wrong with the rest. */
  settings: LoadedConfig;
  /** Absolute paths of its workspace folders. */
  folders: readonly string[];
}
