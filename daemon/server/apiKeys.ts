/**
 * Keys of providers that clients gave the core from their secret stores. They live in memory only:
 * they are never stored, logged or sent, and are gone with the core.
 */
export interface ApiKeys {
  /** `null` forgets a key. */
  set(given: Readonly<Record<string, string | null>>): void;
  /** By provider. */
  all(): Readonly<Record<string, string>>;
}

export function createApiKeys(): ApiKeys {
  const known = new Map<string, string>();
  return {
    set(given) {
      for (const [provider, key] of Object.entries(given)) {
        if (key === null || key === "") known.delete(provider);
        else known.set(provider, key);
      }
    },
    all: () => Object.fromEntries(known),
  };
}
