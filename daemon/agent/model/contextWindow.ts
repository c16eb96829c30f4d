/** The context window of a model, by the family that its name shows. */

const smallestKnown = 128_000;

/** In tokens; the first pattern that matches the model's name counts. */
const families: readonly [pattern: RegExp, tokens: number][] = [
  [/claude/, 200_000],
  [/gemini/, 1_048_576],
  [/gpt-4\.1/, 1_047_576],
  [/gpt-5/, 272_000],
  [/(^|\/)o[134](-|$)/, 200_000],
  [/gpt-4o|gpt-4-turbo/, 128_000],
  [/gpt-3\.5/, 16_385],
  [/grok-4/, 256_000],
  [/kimi-k2|qwen3-coder/, 256_000],
];

/** In tokens; 128,000 where the family is unknown. */
export function contextWindowOf(modelId: string): number {
  const name = modelId.toLowerCase();
  return families.find(([pattern]) => pattern.test(name))?.[1] ?? smallestKnown;
}
