/** The visible part of the time: zooms, moves, and follows what runs. Pure. */

/** In shown milliseconds of the scale. */
export interface Range {
  from: number;
  to: number;
}

/** Room after the end for the sign there. */
const roomAtEnd = 0.04;
const leastMs = 20;

/** The whole, with room at the end. */
export function wholeRange(length: number): Range {
  return { from: 0, to: length * (1 + roomAtEnd) };
}

/** A factor above 1 shows less time; `middle` keeps its place. */
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

/** The range moved so far that a place is visible, with some room around it. */
export function showing(range: Range, place: number, length: number): Range {
  const room = (range.to - range.from) * 0.1;
  if (place < range.from + room) return moved(range, place - range.from - room, length);
  if (place > range.to - room) return moved(range, place - range.to + room, length);
  return range;
}

/** A range that includes the end moves with the end. */
export function following(range: Range, before: number, length: number): Range {
  return range.to >= before && before > 0 ? moved(range, length - before, length) : range;
}

/** Whether the range is nearly the whole: such a range grows with what runs. */
export function isWhole(range: Range, length: number): boolean {
  return range.from <= 0 && range.to >= wholeRange(length).to * 0.999;
}

function inside({ from, to }: Range, length: number): Range {
  const whole = wholeRange(length);
  const span = Math.min(to - from, whole.to);
  const start = Math.min(Math.max(from, 0), whole.to - span);
  return { from: start, to: start + span };
}
