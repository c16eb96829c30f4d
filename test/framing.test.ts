import assert from "node:assert/strict";
import {
  frame,
  FrameSplitter,
  FramingError,
  longestBody,
  longestHeader,
  passFrames,
  type FramingFault,
  type Verdict,
} from "../daemon/wire/framing.ts";
import { randomNumbers } from "./front/randomNumbers.ts";
import { checkLeaks } from "./support/leaks.ts";

describe("framing", () => {
  checkLeaks();

  /** What comes out when the bytes come in these portions; texts of frames, then the fault. */
  function split(portions: readonly (Buffer | string)[]): {
    frames: string[];
    fault?: FramingFault;
  } {
    const frames: string[] = [];
    const splitter = new FrameSplitter((body) => frames.push(body.toString("utf8")));
    try {
      for (const portion of portions) splitter.push(Buffer.from(portion));
    } catch (error) {
      assert.ok(error instanceof FramingError);
      splitter.push(frame("what comes after a fault is ignored"));
      return { frames, fault: error.fault };
    }
    return { frames };
  }

  it("reads what frame() writes", () => {
    assert.equal(frame("ä€").toString(), "Content-Length: 5\r\n\r\nä€");
    assert.deepEqual(frame(Buffer.from("ä€")), frame("ä€"));
    assert.deepEqual(split([frame("{}"), frame(""), frame("ä€")]), { frames: ["{}", "", "ä€"] });
  });

  it("gives the same frames for any chunking", () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = randomNumbers(seed);
      const texts = Array.from({ length: 1 + random(20) }, () =>
        "€xyz ".repeat(random(1 + random(400))),
      );
      const bytes = Buffer.concat(texts.map((text) => frame(text)));
      assert.deepEqual(split(cut(bytes, random)), { frames: texts }, `seed ${seed}`);
    }
  });

  it("takes headers in any case, in any order, and with a Content-Type", () => {
    const headers = [
      "content-length: 2",
      "CONTENT-LENGTH:2",
      "Content-Length: \t 2 ",
      "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2",
      "Content-Length: 2\r\nX-Other: anything",
      "Content-Length: 0002",
    ];
    for (const header of headers) {
      const bytes = Buffer.from(`${header}\r\n\r\n{}`);
      assert.deepEqual(split([bytes]), { frames: ["{}"] }, header);
      assert.deepEqual(
        split([...bytes].map((byte) => Buffer.from([byte]))),
        { frames: ["{}"] },
        header,
      );
    }
  });

  it("gives the frames before a fault, then the fault, once", () => {
    const garbled = [
      "Content-Length: two",
      "Content-Length: -2",
      "Content-Length: 2.5",
      "Content-Length: 0x2",
      "Content-Length:",
      "Content-Length: 2\r\nContent-Length: 2",
      "Content-Type: application/json",
      "no header at all",
      "Content-Length: 2\r\nhéader: 2",
      "",
    ];
    for (const header of garbled) {
      const bytes = Buffer.concat([frame("1"), Buffer.from(`${header}\r\n\r\n{}`, "latin1")]);
      assert.deepEqual(split([bytes]), { frames: ["1"], fault: "garbledHeader" }, header);
      const portions = cut(bytes, randomNumbers(1));
      assert.deepEqual(split(portions), { frames: ["1"], fault: "garbledHeader" }, header);
    }
  });

  it("bounds the header at 8 KiB, whether its end comes or not", () => {
    const withLength = (length: number) => {
      const start = "Content-Length: 2\r\nX: ";
      return start + "x".repeat(length - start.length);
    };
    const fits = `${withLength(longestHeader)}\r\n\r\n{}`;
    const tooLong = `${withLength(longestHeader + 1)}\r\n\r\n{}`;
    const endless = "x".repeat(longestHeader + 4);
    for (const portion of [1, 100, 4096, 100_000]) {
      const portions = (text: string) => pieces(Buffer.from(text), portion);
      assert.deepEqual(split(portions(fits)), { frames: ["{}"] });
      assert.deepEqual(split(portions(tooLong)), { frames: [], fault: "headerTooLong" });
      assert.deepEqual(split(portions(endless)), { frames: [], fault: "headerTooLong" });
    }
  });

  it("bounds the body at 64 MiB by its header alone", () => {
    const header = (length: number | string) => `Content-Length: ${length}\r\n\r\n`;
    assert.deepEqual(split([header(longestBody)]), { frames: [] });
    assert.deepEqual(split([header(longestBody + 1)]), { frames: [], fault: "bodyTooLong" });
    assert.deepEqual(split([header("9".repeat(20))]), { frames: [], fault: "bodyTooLong" });
    assert.deepEqual(split([header("9".repeat(400))]), { frames: [], fault: "garbledHeader" });
  });

  it("takes a body of 64 MiB in portions of 64 KiB", () => {
    const body = Buffer.alloc(longestBody, "x");
    const seen: number[] = [];
    const splitter = new FrameSplitter((found) => seen.push(found.length, body.compare(found)));
    for (const portion of pieces(frame(body), 65_536)) splitter.push(portion);
    assert.deepEqual(seen, [longestBody, 0]);
  });

  it("copies nothing of frames that lie in one portion", () => {
    const bytes = Buffer.concat(["1", "22", "333"].map((text) => frame(text)));
    const splitter = new FrameSplitter((body) => {
      assert.equal(body.buffer, bytes.buffer);
      assert.ok(body.byteOffset >= bytes.byteOffset);
    });
    splitter.push(bytes);
  });

  it("passes frames on in one write per portion, with others in the place of some", () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = randomNumbers(seed);
      const texts = Array.from({ length: 1 + random(30) }, () =>
        "x".repeat(random(1 + random(300))),
      );
      const verdicts = texts.map((text): Verdict => {
        const choice = random(6);
        return choice > 1 ? "pass" : choice === 1 ? [] : [frame(`[${text}]`), frame("more")];
      });
      const expected = texts.flatMap((text, n) =>
        verdicts[n] === "pass" ? [frame(text)] : (verdicts[n] ?? []),
      );
      let judged = 0;
      let writes = 0;
      const written: Buffer[] = [];
      const pass = passFrames(
        (body) => {
          assert.equal(body.toString(), texts[judged]);
          return verdicts[judged++] ?? "pass";
        },
        (slices) => {
          writes += 1;
          written.push(...slices);
        },
        assert.fail,
      );
      for (const portion of cut(Buffer.concat(texts.map((text) => frame(text))), random)) {
        writes = 0;
        pass(portion);
        assert.ok(writes <= 1);
      }
      assert.equal(judged, texts.length);
      assert.equal(
        Buffer.concat(written).toString(),
        Buffer.concat(expected).toString(),
        `seed ${seed}`,
      );
    }
  });

  it("writes the whole frames before a fault, and nothing of what follows", () => {
    const written: string[] = [];
    const faults: string[] = [];
    const pass = passFrames(
      () => "pass",
      (slices) => written.push(Buffer.concat(slices).toString()),
      (error) => faults.push(error.fault),
    );
    pass(Buffer.concat([frame("1"), frame("2"), Buffer.from("nonsense\r\n\r\n"), frame("3")]));
    pass(frame("4"));
    assert.deepEqual(written, [frame("1").toString() + frame("2").toString()]);
    assert.deepEqual(faults, ["garbledHeader"]);
  });
});

/** The bytes in portions of random sizes, some of one byte. */
function cut(bytes: Buffer, random: (below: number) => number): Buffer[] {
  const portions: Buffer[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const length = 1 + random(random(3) === 0 ? 1 : 500);
    portions.push(bytes.subarray(offset, offset + length));
    offset += length;
  }
  return portions;
}

function pieces(bytes: Buffer, length: number): Buffer[] {
  const count = Math.ceil(bytes.length / length);
  return Array.from({ length: count }, (_, n) => bytes.subarray(n * length, (n + 1) * length));
}
