/**
 * The program that `@vscode/test-electron` starts where there is no desktop VS Code: it takes the
 * same arguments, opens a window in which the extension is under development, and lets the suite
 * run inside its extension host. Its exit code is the suite's.
 */
import { parseArgs } from "node:util";
import type { BrowserContext } from "playwright-core";
import { withEditor } from "./editor.ts";

const { values, positionals } = parseArgs({
  options: { extensionDevelopmentPath: { type: "string" }, extensionTestsPath: { type: "string" } },
  strict: false,
  allowPositionals: true,
});
/** The editor writes down what its tools refuse, and a suite tries that. */
const expectedConsoleErrors = /Error from tool offshoot_/;
const ended = Promise.withResolvers<number>();
process.exitCode = await withEditor(
  { workspace: String(positionals[0]), prepare, expectedConsoleErrors },
  async (editor) => {
    await editor.openWindow();
    return await ended.promise;
  },
);

/** The page's own configuration names what is under development; its URL cannot any more. */
async function prepare(context: BrowserContext, origin: string): Promise<void> {
  const { host } = new URL(origin);
  const uri = (path: unknown) => ({ scheme: "vscode-remote", authority: host, path });
  const developmentOptions = {
    extensions: [uri(values["extensionDevelopmentPath"])],
    extensionTestsPath: uri(values["extensionTestsPath"]),
  };
  await context.route(
    (url) => url.origin === origin && url.pathname === "/",
    async (route) => {
      const response = await route.fetch();
      const body = (await response.text()).replace(
        /(<meta id="vscode-workbench-web-configuration" data-settings=")([^"]*)/,
        (_, start: string, settings: string) => {
          const known = JSON.parse(settings.replaceAll("&quot;", '"')) as object;
          const more = JSON.stringify({ ...known, developmentOptions });
          return start + more.replaceAll('"', "&quot;");
        },
      );
      await route.fulfill({ response, body });
    },
  );
  await context.exposeFunction("codeAutomationExit", (code: number) => ended.resolve(code));
}
