import manifest from "../../package.json" with { type: "json" };

/** The version of this package; front and core compare theirs when they meet. */
export const VERSION: string = manifest.version;
