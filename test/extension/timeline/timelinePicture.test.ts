import { deepEqual, equal, ok } from "node:assert/strict";
import { laneHeight, lanesOf, placeOf, type ChartView } from "../../../extension/timeline/chart.ts";
import { kindsOf, svgOf } from "../../../extension/timeline/document.ts";
import {
  darkPalette,
  element,
  lightPalette,
  svgText,
  type SvgElement,
} from "../../../extension/timeline/drawing.ts";
import type { Lane } from "../../../extension/timeline/lanes.ts";
import type { Span } from "../../../extension/timeline/runSpans.ts";
import { itemAt, itemsOf } from "../../../extension/pages/timeline/pointing.ts";
import {
  following,
  isWhole,
  moved,
  showing,
  wholeRange,
  zoomed,
} from "../../../extension/pages/timeline/range.ts";
import {
  extentOf,
  gapsOf,
  parallelOf,
  ticksOf,
  timeScale,
} from "../../../extension/timeline/scale.ts";
import { exactDuration } from "../../../extension/base/numbers.ts";
import { count, elapsed, laneLabel, money } from "../../../extension/timeline/words.ts";
import { checkLeaks } from "../../support/leaks.ts";

const hour = 3_600_000;
const start = 1_800_000_000_000;

function lane(spans: Omit<Span, "run">[], more: Partial<Lane> = {}): Lane {
  return {
    sessionId: "a",
    title: "title",
    agent: "shell",
    depth: 0,
    sign: "running",
    word: "running",
    own: { tokens: 0, costUsd: 0 },
    tree: { tokens: 0, costUsd: 0 },
    hasChildren: false,
    createdAt: start,
    spans: spans.map((span) => ({ ...span, run: 1 })),
    ends: [],
    tools: [],
    marks: [],
    read: "all",
    omittedTools: 0,
    ...more,
  };
}

const ran = (from: number, to?: number): Omit<Span, "run"> => ({
  kind: "running",
  from: start + from,
  ...(to !== undefined && { to: start + to }),
});

function viewOf(lanes: Lane[], now: number, width = 1_000): ChartView {
  const extent = extentOf(lanes, now);
  const scale = timeScale(extent, []);
  const { isLive } = extent;
  return { width, from: 0, to: scale.length, scale, now, isLive, palette: darkPalette };
}

function all(drawing: SvgElement, name: string): SvgElement[] {
  const inside = drawing.children.flatMap((child) =>
    typeof child === "string" ? [] : all(child, name),
  );
  return drawing.name === name ? [drawing, ...inside] : inside;
}

describe("the picture of the timeline", () => {
  checkLeaks();

  describe("time", () => {
    it("goes from the first to the last, and to now while something goes on", () => {
      const ended = lane([ran(0, 5_000)]);
      deepEqual(extentOf([ended], start + hour), { from: start, to: start + 5_000, isLive: false });
      const live = lane([ran(2_000)]);
      deepEqual(extentOf([ended, live], start + hour), {
        from: start,
        to: start + hour,
        isLive: true,
      });
      deepEqual(extentOf([], start), { from: start - 1_000, to: start, isLive: false });
    });

    it("counts who works at the same time; who waits does not", () => {
      const waits = { kind: "approval", from: start, to: start + 9 } as const;
      const steps = parallelOf(
        [lane([ran(0, 4)]), lane([ran(2, 6), waits]), lane([ran(5)])],
        start + 8,
      );
      deepEqual(
        steps.map((step) => [step.at - start, step.count]),
        [
          [0, 1],
          [2, 2],
          [4, 1],
          [5, 2],
          [6, 1],
          [8, 0],
        ],
      );
    });

    it("finds the long times in which nothing ran, and leaves them out where that is wanted", () => {
      const lanes = [
        lane([ran(0, 60_000), ran(61_000, 90_000), ran(3 * hour, 3 * hour + 60_000)]),
        lane([{ kind: "queued", from: start, to: start + 4 * hour }, ran(4 * hour, 4 * hour + 1)]),
      ];
      const extent = extentOf(lanes, start);
      const gaps = gapsOf(lanes, extent, start);
      deepEqual(
        gaps.map(({ from, to }) => [from - start, to - start]),
        [
          [90_000, 3 * hour],
          [3 * hour + 60_000, 4 * hour],
        ],
      );
      const scale = timeScale(extent, gaps);
      equal(scale.length, 150_001);
      equal(scale.shown(start + 2 * hour), 90_000);
      equal(scale.shown(start + 3 * hour + 1), 90_001);
      equal(scale.time(90_001), start + 3 * hour + 1);
      equal(scale.time(89_999), start + 89_999);
      const ticks = ticksOf(scale, 0, scale.length, 6).map(({ elapsedMs, stepMs }) =>
        elapsed(elapsedMs, stepMs),
      );
      deepEqual(ticks, ["0", "30s", "1m", "3h", "3h 30s", "4h"]);
    });

    it("zooms round a place, moves within bounds, and goes along with what runs", () => {
      const whole = wholeRange(1_000);
      const half = zoomed(whole, 2, 260, 1_000);
      equal(half.to - half.from, (whole.to - whole.from) / 2);
      equal((260 - half.from) / (half.to - half.from), 0.25);
      deepEqual(zoomed(half, 0.01, 260, 1_000), whole);
      equal(moved(half, -9_999, 1_000).from, 0);
      equal(moved(half, 9_999, 1_000).to, whole.to);
      const shown = showing({ from: 0, to: 100 }, 500, 1_000);
      ok(shown.from < 500 && shown.to > 500);
      deepEqual(following({ from: 900, to: 1_000 }, 1_000, 1_300), { from: 1_200, to: 1_300 });
      deepEqual(following({ from: 100, to: 200 }, 1_000, 1_300), { from: 100, to: 200 });
      ok(isWhole(whole, 1_000) && !isWhole(half, 1_000));
    });
  });

  describe("drawing", () => {
    it("draws what falls into one pixel once, however much happened", () => {
      const spans = Array.from({ length: 20_000 }, (_none, n) => ran(n * 10, n * 10 + 5));
      const tools = Array.from({ length: 20_000 }, (_none, n) => ({
        title: "Read",
        from: start + n * 10,
        to: start + n * 10 + 4,
      }));
      const busy = lane(spans, { tools });
      const drawing = lanesOf([busy], viewOf([busy], start));
      ok(all(drawing, "rect").length < 2_100, String(all(drawing, "rect").length));
      const near: ChartView = { ...viewOf([busy], start), from: 0, to: 100 };
      equal(all(lanesOf([busy], near), "rect").length, 22);
    });

    it("tells kinds of spans apart by more than their colour", () => {
      const kinds = ["queued", "paused", "running", "stalled", "approval", "input"] as const;
      const more = ["children", "background", "retry", "unknown"] as const;
      const spans = [...kinds, ...more].map((kind, n) => ({
        kind,
        from: start + n * 1_000,
        to: start + n * 1_000 + 900,
      }));
      const shapes = all(lanesOf([lane(spans)], viewOf([lane(spans)], start)), "rect");
      const forms = shapes.map(({ attributes }) =>
        [
          String(attributes["fill"]).startsWith("url(") && attributes["fill"],
          attributes["stroke-dasharray"],
          attributes["height"],
        ].join(),
      );
      equal(new Set(forms).size, 10);
      deepEqual(kindsOf([lane(spans)]), [...kinds, ...more]);
    });

    it("finds what lies under the pointer, and all of it in order for the keys", () => {
      const tool = { title: "Read", from: start + 200, to: start + 400 };
      const mark = { kind: "retry", at: start + 600, text: "again" } as const;
      const end = { at: start + 900, run: 1, status: "completed" } as const;
      const ends = [{ ...end, spent: { tokens: 0, costUsd: 0 } }];
      const one = lane([ran(0, 900), ran(1_000, 2_000)], { tools: [tool], marks: [mark], ends });
      const view = viewOf([one], start);
      const at = (elapsedMs: number, y: number) =>
        itemAt(one, placeOf(start + elapsedMs, view), y, view)?.type;
      equal(at(300, 22), "tool");
      equal(at(300, 10), "span");
      equal(at(600, 8), "mark");
      equal(at(915, 10), "end");
      equal(at(960, 10), undefined);
      deepEqual(
        itemsOf(one).map(({ type }) => type),
        ["span", "tool", "mark", "end", "span"],
      );
    });

    it("is one well-formed document whatever the texts hold", () => {
      const hostile = `</text><script>alert("1")</script>&amp;\u0000\u001b\ud800 '`;
      const tool = { title: hostile, from: start, status: "failed" } as const;
      const mark = { kind: "error", at: start + 10, text: hostile } as const;
      const lanes = [
        lane([ran(0, 40_000), { ...ran(50_000), torn: "both" }], {
          title: hostile,
          word: hostile,
          why: hostile,
          tools: [tool],
          marks: [mark],
        }),
      ];
      const total = { tokens: 1_234, costUsd: 0.5 };
      const svg = svgText(
        svgOf(
          { title: hostile, lanes, total },
          { width: 1_200, now: start + 60_000, idleTime: "skipped", palette: lightPalette },
        ),
      );
      ok(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg"'));
      ok(!svg.includes("<script") && svg.isWellFormed());
      ok([...svg].every((character) => character >= " " || character === "\n"));
      ok(!/href|url\((?!#offshoot-)|style=| on\w+=/.test(svg), "it needs nothing from elsewhere");
      deepEqual(openElements(svg), []);
      ok(svg.includes("1.2k tokens, $0.50"));
      ok(svg.includes(`height="${64 + 64 + laneHeight + 44 + 20}"`));
    });

    it("escapes texts and attributes", () => {
      const drawing = element("text", { x: 1, "data-x": `"<&'` }, `<b>&"`, element("a", {}));
      equal(
        svgText(drawing),
        `<text x="1" data-x="&quot;&lt;&amp;&#39;">&lt;b&gt;&amp;&quot;<a/></text>`,
      );
    });
  });

  it("says numbers and times as people do", () => {
    const ms = [0, 999, 4_230, 59_400, 65_000, 2 * hour + 600_000, 76 * hour];
    deepEqual(ms.map(exactDuration), ["0ms", "999ms", "4.2s", "59s", "1m 05s", "2h 10m", "3d 4h"]);
    deepEqual([0, 940, 12_345, 150_400, 4_100_000].map(count), [
      "0",
      "940",
      "12.3k",
      "150k",
      "4.1M",
    ]);
    const costs = [0, 0.0004, 0.004, 0.02, 12.3];
    deepEqual(costs.map(money), ["", "<$0.001", "$0.004", "$0.02", "$12.30"]);
    const waits = { kind: "approval", from: start + 2_000, to: start + 5_000 } as const;
    equal(
      laneLabel(lane([ran(0, 2_000), waits], { own: { tokens: 5, costUsd: 0.1 } }), start),
      "title, running, shell, running 2.0s, waiting for approval 3.0s, 5 tokens, $0.10",
    );
  });
});

/** Names of elements that are not closed, or closed where they are not open. */
function openElements(xml: string): string[] {
  const open: string[] = [];
  for (const [, slash, name = "", end] of xml.matchAll(/<(\/?)([\w]+)[^<>]*?(\/?)>/g)) {
    if (slash === "/") {
      if (open.pop() !== name) return [`</${name}>`];
    } else if (end !== "/") open.push(name);
  }
  return open;
}
