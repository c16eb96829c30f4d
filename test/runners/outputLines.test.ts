import assert from "node:assert/strict";
import {
  activityLabel,
  endOfText,
  labelOf,
  outputLines,
} from "../../daemon/processes/outputLines.ts";
import { checkLeaks } from "../support/leaks.ts";

const kib = 1024;

/** Timers that run when the test says so. */
function handTimers() {
  const waiting = new Set<() => void>();
  return {
    start: (callback: () => void) => {
      waiting.add(callback);
      return () => void waiting.delete(callback);
    },
    waiting,
    fire() {
      for (const callback of [...waiting]) {
        waiting.delete(callback);
        callback();
      }
    },
  };
}

/** The texts that come of the chunks, without any timer running out. */
function textsOf(...chunks: (string | Uint8Array)[]): string[] {
  const texts: string[] = [];
  const timers = handTimers();
  const lines = outputLines((text) => texts.push(text), timers.start);
  for (const chunk of chunks) lines.write(Buffer.from(chunk as string));
  lines.flush();
  assert.equal(timers.waiting.size, 0);
  return texts;
}

/** Sums and shapes of texts that are too long to be shown. */
function checkBounded(texts: string[], whole: string): void {
  assert.ok(texts.join("") === whole, "the texts joined are not the stream");
  assert.ok(texts.every((text) => Buffer.byteLength(text) <= 64 * kib));
  assert.ok(texts.every((text) => text.isWellFormed()));
}

describe("output lines", () => {
  checkLeaks();

  it("gives a text per line, with its line end", () => {
    assert.deepEqual(textsOf("one\ntw", "o\r\n\n", "rest"), ["one\n", "two\r\n", "\n", "rest"]);
    assert.deepEqual(textsOf(), []);
    assert.deepEqual(textsOf("a\r", "\nb\rc\n"), ["a\r\n", "b\rc\n"]);
  });

  it("cuts no character, wherever the chunks end", () => {
    const bytes = Buffer.from("\uFEFFz€ß𝄞\n漢字 👩‍👩‍👧\n");
    for (let size = 1; size < bytes.length; size += 1) {
      const chunks: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
      assert.deepEqual(textsOf(...chunks), ["\uFEFFz€ß𝄞\n", "漢字 👩‍👩‍👧\n"]);
    }
  });

  it("replaces invalid bytes, also at the end", () => {
    assert.deepEqual(textsOf(Buffer.from([0x61, 0xff, 0xfe, 0x0a, 0xe2, 0x82])), [
      "a\uFFFD\uFFFD\n",
      "\uFFFD",
    ]);
  });

  it("gives out the beginning of a line when its time is up, but no part of a character", () => {
    const texts: string[] = [];
    const timers = handTimers();
    const lines = outputLines((text) => texts.push(text), timers.start);
    lines.write(Buffer.from("50"));
    lines.write(Buffer.from([0x25, 0xe2, 0x82]));
    assert.deepEqual(texts, []);
    timers.fire();
    assert.deepEqual(texts, ["50%"]);
    assert.equal(timers.waiting.size, 0);
    lines.write(Buffer.from([0xac]));
    timers.fire();
    lines.write(Buffer.from("\n"));
    assert.deepEqual(texts, ["50%", "€", "\n"]);
    assert.equal(timers.waiting.size, 0);
  });

  it("gives out a long line in pieces", () => {
    for (const character of ["x", "€", "𝄞", "a𝄞"]) {
      const line = `${character.repeat(300 * kib)}\nnext\n`;
      const bytes = Buffer.from(line);
      const chunks: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += 65_521)
        chunks.push(bytes.subarray(at, at + 65_521));
      const texts = textsOf(...chunks);
      checkBounded(texts, line);
      assert.equal(texts.at(-1), "next\n");
      assert.ok(texts.length <= bytes.length / (32 * kib));
    }
  });

  it("merges the lines of a chunk that has very many", () => {
    const many = Array.from({ length: 20_000 }, (_, n) => `line ${n} €\n`).join("");
    const texts = textsOf(many);
    checkBounded(texts, many);
    assert.ok(texts.length < 10);
    assert.ok(texts.every((text) => text.endsWith("\n")));
    assert.equal(textsOf("y\n".repeat(100)).length, 100);
    assert.equal(textsOf("y\n".repeat(101)).length, 1);
  });
});

describe("the end of a text", () => {
  checkLeaks();

  it("has at most that many bytes and begins with a whole character", () => {
    const check = (pieces: string[], expected: string) => {
      const end = endOfText(8);
      for (const piece of pieces) end.add(piece);
      assert.equal(end.text(), expected);
    };
    check([], "");
    check(["short"], "short");
    check(["12345678"], "12345678");
    check(["0", "12345678"], "12345678");
    check(["€€€"], "€€");
    check(["𝄞".repeat(100), "abc"], "𝄞abc");
    check(["𝄞".repeat(100), "abcde"], "abcde");
    check(["abc\n".repeat(1000), "end\n"], "abc\nend\n");
  });
});

describe("a label", () => {
  checkLeaks();

  it("is the last line that is not empty, made fit to be shown", () => {
    assert.equal(labelOf("one\ntwo\r\n\n  \n"), "two");
    assert.equal(labelOf("10%\r20%\r"), "20%");
    assert.equal(labelOf("\u001b[31mred\u001b[0m\ttab\u0007"), "red tab");
    assert.equal(labelOf(" \n"), "");
    assert.equal(labelOf("𝄞".repeat(120)), "𝄞".repeat(120));
    assert.equal(labelOf("𝄞".repeat(121)), `${"𝄞".repeat(119)}…`);
  });

  it("is told once for many texts", () => {
    const labels: string[] = [];
    const timers = handTimers();
    const label = activityLabel((text) => labels.push(text), timers.start);
    for (let n = 0; n < 1000; n += 1) label.add(`line ${n}\n`);
    label.add("\n");
    timers.fire();
    assert.deepEqual(labels, ["line 999"]);
    label.add("more");
    label.stop();
    assert.equal(timers.waiting.size, 0);
  });
});
