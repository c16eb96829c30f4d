/** Removes keys from all that the agent sends, writes or passes on. */

export interface Redaction {
  /** The text with every known key replaced. */
  redact(text: string): string;
  /** Redacts a text that continues: leaves out an end that may be the beginning of a key. */
  redactSoFar(text: string): string;
  /** Redacts a text that comes in pieces: what may be the beginning of a key waits for more. */
  inPieces(send: (text: string) => void): TextInPieces;
  /** Redacts a JSON value at any depth. */
  redactValue<Value>(value: Value): Value;
  /** The environment for commands and servers, without the variables that hold keys. */
  environmentWithoutKeys(): Record<string, string>;
  /** Treats the variable of this name as a key, too. */
  addKeyName(name: string): void;
  /** Adds a key that is in no variable. */
  addKey(key: string): void;
}

export interface TextInPieces {
  push(piece: string): void;
  /** The text is complete: sends the rest. */
  end(): void;
}

/** Shorter values are not keys, and replacing them would spoil texts. */
const shortestKey = 8;
const looksLikeKey = /(_API_KEY|_APIKEY|_AUTH_TOKEN)$/i;

export function createRedaction(environment: NodeJS.ProcessEnv): Redaction {
  const keyNames = new Set(Object.keys(environment).filter((name) => looksLikeKey.test(name)));
  const given = new Set<string>();
  const keys = (): string[] =>
    [...[...keyNames].map((name) => environment[name] ?? ""), ...given]
      .filter((key) => key.length >= shortestKey)
      .flatMap((key) => [key, encodeURIComponent(key)]);
  const redact = (text: string) =>
    keys().reduce((result, key) => result.replaceAll(key, "[redacted]"), text);
  const redactSoFar = (text: string) => {
    const clean = redact(text);
    const open = Math.max(0, ...keys().map((key) => lengthOfOpenEnd(clean, key)));
    return clean.slice(0, clean.length - open);
  };
  const inPieces = (send: (text: string) => void): TextInPieces => {
    let waiting = "";
    return {
      push(piece) {
        waiting += piece;
        const settled = redactSoFar(waiting);
        if (settled === "") return;
        waiting = redact(waiting).slice(settled.length);
        send(settled);
      },
      end() {
        if (waiting !== "") send(redact(waiting));
        waiting = "";
      },
    };
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
    redactSoFar,
    inPieces,
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

/** The number of characters at the end of the text that begin the key without completing it. */
function lengthOfOpenEnd(text: string, key: string): number {
  let length = Math.min(text.length, key.length - 1);
  while (length > 0 && !text.endsWith(key.slice(0, length))) length -= 1;
  return length;
}
