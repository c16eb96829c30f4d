/** Thins out updates that come faster than people can read. */

const everyMs = 500;

/** Passes on the first value at once, then the latest one at most every half second. */
export function throttle(send: (text: string) => void) {
  let latest: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    timer = undefined;
    if (latest === undefined) return;
    send(latest);
    latest = undefined;
    timer = setTimeout(flush, everyMs);
  };
  return {
    call(text: string) {
      latest = text;
      if (timer === undefined) flush();
    },
    end: () => clearTimeout(timer),
  };
}
