/** Ends a core that nobody needs: no client, no live run, nothing queued, for `idleExitMs`. */
export function startIdleExit(parts: {
  isIdle: () => boolean;
  idleExitMs: () => number;
  exit: () => void;
}): { stop(): void } {
  let idleSince = performance.now();
  const look = setInterval(() => {
    if (!parts.isIdle()) idleSince = performance.now();
    else if (performance.now() - idleSince >= parts.idleExitMs()) parts.exit();
  }, 250);
  return { stop: () => clearInterval(look) };
}
