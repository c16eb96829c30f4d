/** What part of the time is in sight: zooming, moving, and going along with what runs. Pure. */

/** In shown milliseconds of the scale. */
export interface Range {
  from: number;
  to: number;
}

/** Room behind the end, for the sign of how it ended. */
const roomAtEnd = 0.04;
const leastMs = 20;

/** All there is. */
export function wholeRange(length: number): Range {
  return { from: 0, to: length * (1 + roomAtEnd) };
}

/** `factor` above 1 shows less time; what lies at `middle` stays where it is. */
export function zoomed(range: Range, factor: number, middle: number, length: number): Range {
  const whole = wholeRange(length);
  const span = range.to - range.from;
  const next = Math.min(Math.max(span / factor, leastMs), whole.to);
  const share = (middle - range.from) / span;
  return inside({ from: middle - next * share, to: middle + next * (1 - share) }, length);
}

export function moved({ from, to }: Range, by: number, length: number): Range {
  return inside({ from: from + by, to: to + by }, length);
}

/** Moved so far that a place is in sight, with some room round it. */
export function showing(range: Range, place: number, length: number): Range {
  const room = (range.to - range.from) * 0.1;
  if (place < range.from + room) return moved(range, place - range.from - room, length);
  if (place > range.to - room) return moved(range, place - range.to + room, length);
  return range;
}

/** Whoever has the end in sight keeps it there while it goes on. */
export function following(range: Range, before: number, length: number): Range {
  return range.to >= before && before > 0 ? moved(range, length - before, length) : range;
}

/** Nearly all of it is all of it: then it grows with what runs. */
export function isWhole(range: Range, length: number): boolean {
  return range.from <= 0 && range.to >= wholeRange(length).to * 0.999;
}

function inside({ from, to }: Range, length: number): Range {
  const whole = wholeRange(length);
  const span = Math.min(to - from, whole.to);
  const start = Math.min(Math.max(from, 0), whole.to - span);
  return { from: start, to: start + span };
}
