/** Waits that end with an abort or a time-out. */

/**
 * The value of the promise, or undefined when the signal aborts first. Rejects as the promise does.
 */
export async function untilAborted<Value>(
  promise: Promise<Value>,
  signal: AbortSignal,
): Promise<Value | undefined> {
  // After the abort a rejection has no listener.
  promise.catch(() => undefined);
  if (signal.aborted) return undefined;
  let giveUp = () => {};
  const aborted = new Promise<undefined>((abort) => (giveUp = () => abort(undefined)));
  signal.addEventListener("abort", giveUp);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

/** The value of the promise, or undefined when that takes longer. Rejects as the promise does. */
export async function withTimeout<Value>(
  promise: Promise<Value>,
  ms: number,
): Promise<Value | undefined> {
  promise.catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((tell) => (timer = setTimeout(tell, ms, undefined)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
