/** The messages between the timeline's page and the extension. Pure. */
import type { Spent } from "./history.ts";
import type { Lane } from "./lanes.ts";

export type IdleTime = "shown" | "skipped";

export interface LanesMessage {
  type: "lanes";
  title: string;
  total: Spent;
  /** The extension's clock, in epoch milliseconds. */
  now: number;
  isConnected: boolean;
  /** The ids of all lanes, when the list or its order has changed. */
  order?: string[];
  changed: LaneChange[];
}

export type PageMessage =
  | { type: "ready" }
  | { type: "visible"; sessionIds: string[] }
  | { type: "open"; sessionId: string }
  | { type: "idleTime"; idleTime: IdleTime }
  | { type: "export" };

/** What the editor keeps of the page over a reload. */
export interface PageState {
  rootId: string;
  idleTime: IdleTime;
  /** The visible part, in shown milliseconds; absent for the whole. */
  range?: { from: number; to: number };
  selected?: string;
  scrollTop?: number;
}

/** A lane with its tool calls from `toolsFrom` on: of thousands, only the last ones change. */
export type LaneChange = Lane & { toolsFrom?: number };

/** The change from one state of a lane to the next; undefined where there is none. */
export function changeOf(before: Lane | undefined, after: Lane): LaneChange | undefined {
  if (before === undefined) return after;
  const { tools: known, ...fieldsBefore } = before;
  const { tools, ...fields } = after;
  const place = tools.findIndex((tool, n) => JSON.stringify(tool) !== JSON.stringify(known[n]));
  const toolsFrom = place < 0 ? tools.length : place;
  const isSame = toolsFrom === tools.length && tools.length === known.length;
  if (isSame && JSON.stringify(fields) === JSON.stringify(fieldsBefore)) return undefined;
  return { ...fields, toolsFrom, tools: tools.slice(toolsFrom) };
}

export function changedLane(before: Lane | undefined, change: LaneChange): Lane {
  const { toolsFrom = 0, tools, ...fields } = change;
  return { ...fields, tools: [...(before?.tools.slice(0, toolsFrom) ?? []), ...tools] };
}
