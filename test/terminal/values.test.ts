import assert from "node:assert/strict";
import {
  cleanLine,
  cleanText,
  formatBytes,
  formatCount,
  formatDuration,
  formatMoney,
  parseDuration,
  parseSize,
  shortId,
} from "../../daemon/client/values.ts";
import { checkLeaks } from "../support/leaks.ts";

describe("values of the terminal", () => {
  checkLeaks();

  it("reads durations", () => {
    const read = (texts: string[]) => texts.map(parseDuration);
    assert.deepEqual(
      read(["90s", "10m", "2h", "30d", "250ms", "1h30m", "1.5s"]),
      [90_000, 600_000, 7_200_000, 2_592_000_000, 250, 5_400_000, 1_500],
    );
    assert.deepEqual(
      read(["", "10", "m", "10 m", "-5s", "5s!", "tens"]),
      Array.from({ length: 7 }, () => undefined),
    );
  });

  it("reads sizes", () => {
    const read = (texts: string[]) => texts.map(parseSize);
    assert.deepEqual(
      read(["4096", "500MB", "2GiB", "1.5kb", "10 MB", "0"]),
      [4096, 500_000_000, 2_147_483_648, 1500, 10_000_000, 0],
    );
    assert.deepEqual(
      read(["", "MB", "5 XB", "-1", "1e3"]),
      Array.from({ length: 5 }, () => undefined),
    );
  });

  it("writes durations, sizes, counts and money in a few characters", () => {
    const second = 1000;
    const durations = [0, 449, 9_949, 9_951, 59_400, 61_000, 3_599_000, 3_600_000, 93_784_000];
    assert.deepEqual(durations.map(formatDuration), [
      "0.0s",
      "0.4s",
      "9.9s",
      "10s",
      "59s",
      "1m01s",
      "59m59s",
      "1h00m",
      "1d2h",
    ]);
    assert.equal(formatDuration(-5 * second), "0.0s");
    assert.deepEqual([512, 4200, 999_999, 1_300_000, 2.5e9, 3e12].map(formatBytes), [
      "512 B",
      "4.2 kB",
      "1000 kB",
      "1.3 MB",
      "2.5 GB",
      "3.0 TB",
    ]);
    assert.deepEqual([950, 1_234, 999_949, 3_400_000].map(formatCount), [
      "950",
      "1.2k",
      "999.9k",
      "3.4M",
    ]);
    assert.deepEqual([1.25, 0.0042, 0.01].map(formatMoney), ["$1.25", "$0.0042", "$0.01"]);
  });

  it("takes everything out of a title that could break a line", () => {
    const titles = [
      "\u001b[2J\u001b[31mred\u001b[0m",
      "two\nlines\tand\r\nmore",
      "\u001b]0;window title\u0007after",
      "right\u202eto left\u200b",
      "bell\u0007 back\u0008 delete\u007f c1\u009b31m",
      "half \ud83d pair",
      "  wide 古 \u{1f600} stays  ",
    ];
    assert.deepEqual(titles.map(cleanLine), [
      "red",
      "two lines and more",
      "after",
      "rightto left",
      "bell back delete c1",
      "half \ufffd pair",
      "wide 古 \u{1f600} stays",
    ]);
  });

  it("keeps the lines of output, and nothing that moves the cursor", () => {
    assert.equal(
      cleanText("one\r\ntwo\rthree\n\tfour\u001b[1A\u001b[2K\u0000 five\n"),
      "one\ntwo\nthree\n\tfour five\n",
    );
  });

  it("shows the end of an id", () => {
    assert.equal(shortId("01a1faa4-6ad4-764c-8aa5-60f205a3ad97"), "05a3ad97");
  });
});
