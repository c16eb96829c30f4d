/** The suites of inHost/, run inside the extension host of a real VS Code. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Test } from "mocha";
import { editorStartMs } from "../support/editor/editor.ts";
import { isDesktop, runInHost, type ToldTest } from "../support/editor/inHost.ts";
import { hasEditor } from "../support/editor/installEditor.ts";
import { packagedExtension } from "../support/editor/packagedExtension.ts";
import { checkLeaks } from "../support/leaks.ts";

if (hasEditor || isDesktop) {
  describe("inside the extension host", () => {
    checkLeaks();
    let told: ToldTest[];

    before("run it", async function () {
      this.timeout(editorStartMs);
      const entry = join(import.meta.dirname, "inHost", "index.inhost.ts");
      told = await runInHost(await packagedExtension(), entry);
      // Each counts as a test of its own.
      for (const { title, fault } of told) {
        this.test?.parent?.addTest(
          new Test(title, () => {
            if (fault !== undefined) assert.fail(fault);
          }),
        );
      }
    });

    it("the suite runs to its end", () => {
      assert.ok(told.length > 0);
    });
  });
} else {
  describe(`inside the extension host: not run on ${process.platform} ${process.arch}`, () => {
    it("needs Linux on x64, or OFFSHOOT_TEST_DESKTOP=1 and a display", () => undefined);
  });
}
