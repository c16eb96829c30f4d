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

/** The fields of a lane that have changed; of its tool calls those from `toolsFrom` on. */
export type LaneChange = Partial<Lane> & { sessionId: string; toolsFrom?: number };

/** The change from one state of a lane to the next; undefined where there is none. */
export function changeOf(before: Lane | undefined, after: Lane): LaneChange | undefined {
  if (before === undefined) return after;
  const { tools, ...rest } = after;
  const fields = (Object.keys(rest) as (keyof typeof rest)[]).filter(
    (key) => JSON.stringify(rest[key]) !== JSON.stringify(before[key]),
  );
  const gone = (Object.keys(before) as (keyof Lane)[]).filter((key) => !(key in after));
  const toolsFrom = tools.findIndex((tool, place) => {
    const known = before.tools[place];
    return known?.from !== tool.from || known.to !== tool.to || known.status !== tool.status;
  });
  const hasTools = toolsFrom >= 0 || tools.length < before.tools.length;
  if (fields.length + gone.length === 0 && !hasTools) return undefined;
  // A change cannot remove a field, which is rare: then the whole lane is sent.
  if (gone.length > 0) return { ...after, toolsFrom: 0 };
  const from = toolsFrom < 0 ? tools.length : toolsFrom;
  return {
    ...Object.fromEntries(fields.map((key) => [key, rest[key]])),
    sessionId: after.sessionId,
    ...(hasTools && { toolsFrom: from, tools: tools.slice(from) }),
  };
}

/** The lane after a change; the change of an unknown lane has all fields. */
export function changedLane(before: Lane | undefined, change: LaneChange): Lane {
  const { toolsFrom = 0, tools, ...fields } = change;
  const kept = before?.tools.slice(0, tools === undefined ? undefined : toolsFrom) ?? [];
  const isWhole = "spans" in fields && "title" in fields && "read" in fields;
  return {
    ...(isWhole && toolsFrom === 0 ? undefined : before),
    ...fields,
    tools: [...kept, ...(tools ?? [])],
  } as Lane;
}
