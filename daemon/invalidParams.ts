export interface ParamsIssue {
  /** Where in the params, such as `limits.timeoutMs`. */
  path: string;
  message: string;
}

/** Params that no schema can refuse, but that are wrong all the same: -32602 with `data.issues`. */
export class InvalidParams extends Error {
  readonly issues: readonly ParamsIssue[];

  constructor(issues: readonly ParamsIssue[]) {
    super(issues.map(({ path, message }) => `${path} ${message}`).join("; "));
    this.name = "InvalidParams";
    this.issues = issues;
  }
}
