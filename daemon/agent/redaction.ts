/** Keeps keys out of everything that the agent says, writes or hands on. */

export interface Redaction {
  /** The text with every known key replaced. */
  redact(text: string): string;
  /** The same for a text that goes on: without an end that may be the beginning of a key. */
  redactSoFar(text: string): string;
  /** The same for a text that comes in pieces: what may be the beginning of a key waits for more. */
  inPieces(send: (text: string) => void): TextInPieces;
  /** The same for a value of JSON, at any depth. */
  redactValue<Value>(value: Value): Value;
  /** The environment without the variables that hold keys: for commands and servers. */
  environmentWithoutKeys(): Record<string, string>;
  /** Also takes the variable of this name for a key. */
  addKeyName(name: string): void;
  /** Also knows this key, which is in no variable. */
  addKey(key: string): void;
}

export interface TextInPieces {
  push(piece: string): void;
  /** There is no more: sends what still waited. */
  end(): void;
}

/** Shorter values are no keys, and replacing them would spoil texts. */
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

/** How many characters at the end of the text are the first ones of the key, but not all of it. */
function lengthOfOpenEnd(text: string, key: string): number {
  let length = Math.min(text.length, key.length - 1);
  while (length > 0 && !text.endsWith(key.slice(0, length))) length -= 1;
  return length;
}
