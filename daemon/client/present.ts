type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The fields that are not undefined. On the wire only an absent key means unchanged. */
export function present<T extends object>(fields: T): Present<T> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Present<T>;
}
