import { equal, ok } from "node:assert/strict";
import { pageHtml } from "../../../extension/editor/pageHtml.ts";
import { checkLeaks } from "../../support/leaks.ts";

describe("the document of a web view", () => {
  checkLeaks();

  it("runs nothing but the extension's own script, whatever the id of the session is", () => {
    const html = pageHtml({
      title: "Transcript",
      sessionId: `"><script>alert(1)</script>`,
      cspSource: "https://own.test",
      nonce: "n0",
      script: "https://own.test/a.js",
      style: "https://own.test/a.css",
    });
    const [policy] = /default-src[^"]*/.exec(html) ?? [];
    equal(
      policy,
      "default-src 'none'; style-src https://own.test; script-src 'nonce-n0'; base-uri 'none'; form-action 'none'",
    );
    equal(html.match(/<script/g)?.length, 1);
    ok(html.includes('<body data-session="&#34;&#62;&#60;script'));
  });
});
