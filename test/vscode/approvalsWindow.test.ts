/** Approvals in a real VS Code, with two windows: what a person sees of them, and answers. */
import { equal, match } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { editorStartMs, startEditor, type Editor } from "../support/editor/editor.ts";
import { hasEditor } from "../support/editor/installEditor.ts";
import { packagedExtension } from "../support/editor/packagedExtension.ts";
import {
  answer,
  keepEvidence,
  openSubAgents,
  photograph,
  pick,
  rowOf,
  runCommand,
} from "../support/editor/workbench.ts";
import { checkLeaks } from "../support/leaks.ts";
import { agentFile } from "../support/runContext.ts";
import { waitFor } from "../support/waitFor.ts";

if (hasEditor) {
  describe("approvals in VS Code", () => {
    checkLeaks();
    let editor: Editor;
    let page: Page;
    let other: Page;
    let teller: Page;
    const program = (file: string) => ({ command: process.execPath, args: [agentFile(file)] });

    before("start the editor", async function () {
      this.timeout(editorStartMs);
      const talk = { ...program("json-claude-talk.mjs"), promptVia: "stdin" } as const;
      const format = "claude-stream-json";
      const agents = [
        { name: "asker", runner: { kind: "command" as const, ...talk, format } as const },
        { name: "editor", runner: { kind: "acp" as const, ...program("acp-agent.mjs") } },
      ];
      editor = await startEditor({ vsix: await packagedExtension(), config: { agents } });
      page = await editor.openWindow();
      await openSubAgents(page);
      other = await editor.openWindow();
      await openSubAgents(other);
    });
    after("stop the editor", async () => {
      await editor.stop();
    });
    afterEach("look at what failed", async function () {
      await keepEvidence(editor, page, this.currentTest);
    });

    const ask = (title: string) =>
      editor.offshoot("spawn", "--agent", "asker", "--title", title, "ask");
    const wants = (title: string) => new RegExp(`, ${title} wants to `);
    const toasts = (window: Page, text: string) =>
      window.locator(".notification-toast").filter({ hasText: text });

    async function whoTells(text: string): Promise<Page | undefined> {
      if ((await toasts(page, text).count()) > 0) return page;
      return (await toasts(other, text).count()) > 0 ? other : undefined;
    }

    it("are in the list of each window, and in the status bar, and told once", async () => {
      await ask("first");
      await rowOf(page, wants("first")).waitFor();
      await rowOf(other, wants("first")).waitFor();
      for (const window of [page, other]) {
        await window.getByRole("button", { name: "Offshoot: 1 waiting for you" }).waitFor();
      }
      // A later one is told after the earlier one was, in whichever window.
      await ask("second");
      teller = await waitFor(() => whoTells("second"), "the notification");
      equal((await toasts(page, "first").count()) + (await toasts(other, "first").count()), 1);
      await photograph(page, "approvals-1-asked");
    });

    it("are allowed from the notification, and leave both lists", async () => {
      await toasts(teller, "second").getByRole("button", { name: "Allow Once" }).click();
      await rowOf(page, wants("second")).waitFor({ state: "detached" });
      await rowOf(other, wants("second")).waitFor({ state: "detached" });
      await rowOf(page, /^second, completed/).waitFor();
    });

    it("show the command, and are denied with a message elsewhere, which closes it", async () => {
      await rowOf(page, wants("first")).click();
      const tab = page.getByRole("tab", { name: /^Requested command/ });
      await tab.waitFor();
      await page.locator(".view-line").filter({ hasText: "rm x" }).waitFor();
      await photograph(page, "approvals-2-command");
      await runCommand(other, "Offshoot: Deny with a Message…");
      await pick(other, /rm x/);
      await answer(other, "Deny with a message", "use the bin");
      await rowOf(page, wants("first")).waitFor({ state: "detached" });
      await tab.waitFor({ state: "detached" });
      const [{ id }] = JSON.parse(await editor.offshoot("ls", "--json")).sessions.filter(
        ({ title }: { title: string }) => title === "first",
      );
      match(await editor.offshoot("events", id), /use the bin/);
    });

    it("show a change as a diff, from which it is allowed", async () => {
      const path = join(editor.workspace, "a.txt");
      writeFileSync(path, "one\ntwo\n");
      const toolCall = {
        toolCallId: "t1",
        title: "Edit a.txt",
        kind: "edit",
        content: [{ type: "diff", path, oldText: "one\ntwo\n", newText: "one\nzwei\n" }],
      };
      const options = [
        { optionId: "yes", kind: "allow_once", name: "Yes" },
        { optionId: "no", kind: "reject_once", name: "No" },
      ];
      const steps = [{ request: "session/request_permission", params: { toolCall, options } }];
      const prompt = JSON.stringify(steps);
      await editor.offshoot("spawn", "--agent", "editor", "--title", "third", prompt);
      await rowOf(page, /a\.txt, third wants to change a file/).click();
      await page.locator(".view-line").filter({ hasText: "zwei" }).waitFor();
      await photograph(page, "approvals-3-diff");
      await page
        .locator(".editor-actions")
        .getByRole("button", { name: /^Allow Once/ })
        .click();
      await rowOf(page, wants("third")).waitFor({ state: "detached" });
      await page.getByRole("tab", { name: /^Edit a\.txt/ }).waitFor({ state: "detached" });
      await rowOf(page, /^third, completed/).waitFor();
    });

    it("are allowed for always, asked no more, until the rule is taken back", async () => {
      await ask("fourth");
      await rowOf(page, wants("fourth")).waitFor();
      await runCommand(page, "Offshoot: Always Allow…");
      await pick(page, /rm x/);
      await photograph(page, "approvals-4-always");
      await pick(page, /In this folder/);
      await rowOf(page, /^fourth, completed/).waitFor();
      await ask("fifth");
      await rowOf(page, /^fifth, completed/).waitFor();
      await runCommand(page, "Offshoot: Show What Is Always Allowed or Denied");
      const rule = page
        .locator(".quick-input-list-row")
        .filter({ hasText: "always allow `rm x` in" });
      await rule.waitFor();
      await photograph(page, "approvals-5-rules");
      await rule.click();
      await page.keyboard.press("Enter");
      await rule.waitFor({ state: "hidden" });
      await ask("sixth");
      await rowOf(page, wants("sixth")).waitFor();
    });

    it("are denied by a key, and the list is gone when nothing waits", async () => {
      await rowOf(page, wants("sixth")).click();
      await page.keyboard.press("Control+Backspace");
      await rowOf(page, /^sixth, completed/).waitFor();
      await page
        .getByRole("button", { name: /^Waiting for You Section/i })
        .waitFor({ state: "detached" });
    });
  });
}
