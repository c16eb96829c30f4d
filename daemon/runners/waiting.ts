/** Waits that end: by an abort, or by time. */

/** What it resolves to, or nothing when the signal is aborted first. Rejects as it does. */
export async function untilAborted<Value>(
  promise: Promise<Value>,
  signal: AbortSignal,
): Promise<Value | undefined> {
  // Whoever stops waiting does not hear of a rejection any more.
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

/** What it resolves to, or nothing when that takes longer. Rejects as it does. */
export async function untilLate<Value>(
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
