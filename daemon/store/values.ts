/** The values of the store's rows: the envelope that Keyv 5 writes, as JSON. */

/** Throws when the value has no JSON form. */
export function encodeValue(value: unknown): string {
  const json: string | undefined = JSON.stringify(value);
  if (json === undefined) throw new TypeError("the value to store has no JSON form");
  return `{"value":${json}}`;
}

/** Throws when the text is not what `encodeValue` or Keyv wrote. */
export function decodeValue(text: string): unknown {
  const envelope: unknown = JSON.parse(text);
  if (typeof envelope !== "object" || envelope === null || !("value" in envelope)) {
    throw new TypeError("the row holds no value");
  }
  return envelope.value;
}
