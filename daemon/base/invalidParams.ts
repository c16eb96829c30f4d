import { isAbsolute, resolve } from "node:path";

export interface ParamsIssue {
  /** Where in the params, such as `limits.timeoutMs`. */
  path: string;
  message: string;
}

/** Params that are wrong although they fit the schema: -32602 with `data.issues`. */
export class InvalidParams extends Error {
  readonly issues: readonly ParamsIssue[];

  constructor(issues: readonly ParamsIssue[]) {
    super(issues.map(({ path, message }) => `${path} ${message}`).join("; "));
    this.name = "InvalidParams";
    this.issues = issues;
  }
}

/** The path, normalised. Throws -32602 for a relative one: the core has no folder of its own. */
export function absolutePath(path: string, name: string): string {
  if (isAbsolute(path)) return resolve(path);
  throw new InvalidParams([{ path: name, message: `must be an absolute path, got "${path}"` }]);
}
