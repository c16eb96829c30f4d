/** Matches patterns that a model wrote: one that backtracks for ever must not stop all sessions. */
import { basename } from "node:path";
import { createContext, Script } from "node:vm";
import picomatch from "picomatch";

const longestMatchMs = 1_000;
/** Paths that are matched together, because entering the context costs more than a match. */
const pathsAtOnce = 500;

/**
 * Returns the indexes of the texts that an expression matches. The match runs in a context of its
 * own, because only there a time-out can end it; after a time-out this throws a sentence for the
 * model.
 */
export function createMatcher(expression: RegExp): (texts: readonly string[]) => number[] {
  const sandbox: { expression: RegExp; texts: readonly string[]; found: number[] } = {
    expression,
    texts: [],
    found: [],
  };
  const context = createContext(sandbox);
  const script = new Script(
    "texts.forEach((text, index) => { if (expression.test(text)) found.push(index); })",
  );
  return (texts) => {
    Object.assign(sandbox, { texts, found: [] });
    try {
      script.runInContext(context, { timeout: longestMatchMs });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
      throw new Error(
        "the pattern takes too long to match; use a simpler one, with fewer * and no repeated groups",
        { cause: error },
      );
    }
    return sandbox.found;
  };
}

/** Returns the paths that a glob matches, in their order. A glob without `/` matches names. */
export async function* matchingPaths(
  glob: string,
  paths: AsyncIterable<string>,
): AsyncGenerator<string> {
  const matching = createMatcher(picomatch.makeRe(glob, { dot: true }));
  const matched = (part: readonly string[]) => {
    const texts = glob.includes("/") ? part : part.map((path) => basename(path));
    const found = new Set(matching(texts));
    // A name may look like a pattern, such as [id].ts.
    return part.filter((_path, index) => found.has(index) || texts[index] === glob);
  };
  let part: string[] = [];
  for await (const path of paths) {
    if (part.push(path) < pathsAtOnce) continue;
    yield* matched(part);
    part = [];
  }
  yield* matched(part);
}
