/** The store's own figures, beside the raw SQLite driver doing the same; see benchStore.ts. */
import { benchStore } from "../benchStore.ts";
import type { Figure } from "./figures.ts";

/** The aims, as parts of the raw driver's figures. */
const appendAims: { [sessions: number]: number | undefined } = {
  1: 0.61,
  16: 0.75,
  64: 0.8,
  1000: 0.8,
};

export async function benchStoreFigures(): Promise<Figure[]> {
  return (await benchStore()).map(({ figure, sessions, store, raw }) => {
    const part = figure === "durable appends" ? appendAims[sessions] : undefined;
    return {
      group: "the store (in this process, from source)",
      figure: `${figure}, ${sessions} session${sessions === 1 ? "" : "s"} at once`,
      unit: "per second",
      offshoot: store,
      floor: raw,
      floorIs: "the raw SQLite driver with the same settings and rows",
      ...(part !== undefined && { aim: { timesFloor: Math.round(100 / part) / 100 } }),
    };
  });
}
