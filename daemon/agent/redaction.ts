/** Keeps keys out of everything that the agent says, writes or hands on. */

export interface Redaction {
  /** The text with every known key replaced. */
  redact(text: string): string;
  /** The same for a value of JSON, at any depth. */
  redactValue<Value>(value: Value): Value;
  /** The environment without the variables that hold keys: for commands and servers. */
  environmentWithoutKeys(): Record<string, string>;
  /** Also takes the variable of this name for a key. */
  addKeyName(name: string): void;
  /** Also knows this key, which is in no variable. */
  addKey(key: string): void;
}

/** Shorter values are no keys, and replacing them would spoil texts. */
const shortestKey = 8;
const looksLikeKey = /(_API_KEY|_APIKEY|_AUTH_TOKEN)$/i;

export function createRedaction(environment: NodeJS.ProcessEnv): Redaction {
  const keyNames = new Set(Object.keys(environment).filter((name) => looksLikeKey.test(name)));
  const given = new Set<string>();
  const redact = (text: string) => {
    let result = text;
    for (const key of [...[...keyNames].map((name) => environment[name]), ...given]) {
      if (key === undefined || key.length < shortestKey) continue;
      result = result.replaceAll(key, "[redacted]");
      result = result.replaceAll(encodeURIComponent(key), "[redacted]");
    }
    return result;
  };
  const redactValue = (value: unknown): unknown => {
    if (typeof value === "string") return redact(value);
    if (Array.isArray(value)) return value.map(redactValue);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, field]) => [name, redactValue(field)]),
    );
  };
  return {
    redact,
    redactValue: <Value>(value: Value) => redactValue(value) as Value,
    environmentWithoutKeys: () =>
      Object.fromEntries(
        Object.entries(environment).filter(
          (entry): entry is [string, string] => entry[1] !== undefined && !keyNames.has(entry[0]),
        ),
      ),
    addKeyName: (name) => void keyNames.add(name),
    addKey: (key) => void given.add(key),
  };
}
