import assert from "node:assert/strict";
import { openCanvas } from "../../daemon/terminal/canvas.ts";
import { checkLeaks } from "../support/leaks.ts";
import { createScreen } from "./terminalScreen.ts";

describe("the canvas of the live tree", () => {
  checkLeaks();

  it("shows the last picture only, however lines come, go and change", () => {
    const screen = createScreen(40, 20);
    const canvas = openCanvas(screen);
    const pictures = [
      ["one"],
      ["one", "two", "three", "four"],
      ["one", "three", "four"],
      ["one", "new", "newer", "three", "four"],
      ["one", "new", "changed", "three", "four"],
      ["zero", "new", "changed", "three", "four"],
      ["zero"],
      ["zero", "", "last"],
    ];
    for (const picture of pictures) {
      canvas.draw(picture);
      assert.deepEqual(screen.lines(), picture);
    }
    canvas.done();
    assert.deepEqual(screen.lines(), pictures.at(-1));
  });

  it("writes each picture at once, and nothing when nothing has changed", () => {
    const screen = createScreen(40, 20);
    const canvas = openCanvas(screen);
    canvas.draw(["one", "two"]);
    canvas.draw(["one", "two"]);
    canvas.draw(["one", "two", "three"]);
    canvas.draw(["one", "2", "three"]);
    assert.equal(screen.writes.length, 3);
    for (const write of screen.writes) {
      assert.ok(write.startsWith("\u001b[?2026h") && write.endsWith("\u001b[?2026l"));
    }
    canvas.done();
  });

  it("draws seeded random pictures as they are", () => {
    const screen = createScreen(30, 50);
    const canvas = openCanvas(screen);
    let seed = 20_260_101;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % below;
    };
    let picture = ["first"];
    for (let round = 0; round < 300; round += 1) {
      const at = random(picture.length + 1);
      picture = [
        ...picture.slice(0, at),
        ...Array.from({ length: random(3) }, () => `line ${random(1000)}`),
        ...picture.slice(at + random(3)),
      ].slice(0, 40);
      if (picture.length === 0) picture = ["again"];
      canvas.draw(picture);
      assert.deepEqual(screen.lines(), picture, `round ${round}`);
    }
    canvas.done();
  });

  it("takes away what a narrower terminal has broken over more rows", () => {
    const screen = createScreen(40, 20);
    const canvas = openCanvas(screen);
    canvas.draw(["a line of thirty columns ......", "short"]);
    const before = screen.writes.length;
    screen.columns = 20;
    canvas.resized();
    canvas.draw(["narrow", "short"]);
    const [write] = screen.writes.slice(before);
    // Two rows of the picture, one below it, and the one that the first line was broken into.
    assert.equal(write?.split("\u001b[1A").length, 4);
    canvas.done();
  });
});
