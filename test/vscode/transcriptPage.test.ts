/** A transcript as its reader meets it: the real page, in a browser, with a real daemon behind it. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { stateSigns } from "../../extension/sessions/stateSigns.ts";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { hasEditor, installedEditor } from "../support/editor/installEditor.ts";
import { checkLeaks } from "../support/leaks.ts";
import { repository } from "../support/repository.ts";
import { waitFor } from "../support/waitFor.ts";
import {
  transcriptBrowser,
  type TranscriptBrowser,
  type TranscriptPage,
} from "./transcriptPage.ts";

describe("the page of a transcript", () => {
  checkLeaks();
  if (!hasEditor) return;

  let daemon: TestDaemon;
  let client: TestClient;
  let browser: TranscriptBrowser;
  const open: TranscriptPage[] = [];
  before(async () => {
    const talker = join(repository, "test/support/agents/json-claude-talk.mjs");
    const common = { kind: "command", format: "claude-stream-json" } as const;
    const say = { ...common, command: "cat", args: ["{prompt}"] };
    const talk = { ...common, command: process.execPath, args: [talker] };
    daemon = startDaemon({
      agents: [
        { name: "say", runner: say },
        {
          name: "follow",
          runner: { ...common, command: "tail", args: ["-n", "+1", "-f", "{prompt}"] },
        },
        { name: "talk", runner: { ...talk, promptVia: "stdin" } },
      ],
      permissions: { mode: "ask" },
    });
    client = await daemon.client({ subscribe: "lifecycle" });
    browser = await transcriptBrowser(await installedEditor());
  });
  afterEach(async () => {
    const pages = open.splice(0);
    const faults = pages.flatMap((one) => one.faults);
    for (const page of pages) await page.close();
    equal(faults.join("\n"), "");
  });
  after(async () => {
    await browser.close();
    await daemon.stop();
  });

  async function look(sessionId: string): Promise<TranscriptPage> {
    const opened = await browser.open(client, sessionId);
    open.push(opened);
    return opened;
  }

  /** A session whose agent said these lines. */
  async function said(talk: readonly object[], title: string): Promise<string> {
    const file = join(daemon.work, title);
    writeFileSync(file, talk.map((line) => `${JSON.stringify(line)}\n`).join(""));
    const limits = { maxTurns: 100_000 };
    const id = await client.shell(file, { agent: "say", title, limits });
    await client.completion(id);
    return id;
  }

  it("shows what was asked, said, thought and done, and how it ended", async () => {
    const { page } = await look(await said(work, "work"));
    await page.getByText("All is mended.").waitFor();
    equal(await page.locator("h1").textContent(), "work");
    match((await page.locator(".factRow").textContent()) ?? "", /completed.*say · m-1.*\$0\.25/);
    equal(await page.locator(".block.sent").count(), 1);
    match((await page.locator(".ending").textContent()) ?? "", /Completed/);

    const edit = page.getByRole("button", { name: /Edit src\/a\.ts/ });
    match((await edit.textContent()) ?? "", /\+2 −1/);
    equal(await page.locator(".diff").count(), 0);
    await edit.click();
    deepEqual(await page.locator(".diff .removed").allTextContents(), ["−const a = 1;"]);
    deepEqual(await page.locator(".diff .added").allTextContents(), ["+// One.", "+const a = 1;;"]);

    await page.getByRole("button", { name: /npm test/ }).click();
    const shown = page.locator(".block", { hasText: "npm test" }).locator("pre.output");
    equal(await shown.textContent(), "1 failing\n at a.test.ts:7:1");
    await page.getByRole("button", { name: "Thought" }).click();
    await page.getByText("Where to begin?").waitFor();
    deepEqual(await page.locator(".block.plan li").allTextContents(), ["✓look", "mend"]);
  });

  it("opens what is linked: files at a line, addresses, sessions, long texts", async () => {
    const { page, opened } = await look(await said(work, "links"));
    await page.getByRole("button", { name: "src/a.ts:12" }).first().click();
    await page.getByRole("button", { name: "https://example.com/x" }).click();
    await page.getByRole("button", { name: "w-" }).first().click();
    await page.getByRole("button", { name: "Show all output (20 kB)" }).click();
    await page.getByRole("button", { name: "Export" }).click();
    await page.getByRole("button", { name: "Run Again" }).click();
    await waitFor(() => opened.length === 6, "all actions", { describe: () => opened });
    deepEqual(
      opened.map(({ action }) => action),
      ["openFile", "openLink", "openSession", "openEvent", "run", "run"],
    );
    const [file, link, , , ...run] = opened;
    deepEqual(
      run.map(({ given }) => given),
      ["exportTranscript", "retry"],
    );
    deepEqual(file?.given, [{ type: "openFile", path: "src/a.ts", line: 12 }, daemon.work]);
    equal(link?.given, "https://example.com/x");
  });

  it("makes nothing of markup, scripts and control characters in what it shows", async () => {
    const hostile = `<img src=x onerror="window.hit=1"><script>window.hit=1</script> [x](javascript:window.hit=1) \u202egpj`;
    const talk = [
      assistant({ type: "thinking", thinking: hostile }),
      assistant({
        type: "text",
        text: `# ${hostile}\n\n| ${hostile} |\n| - |\n\n${">".repeat(3000)}`,
      }),
      assistant({ type: "text", text: ">".repeat(30_000) }),
      use("t", hostile, { [hostile]: hostile }),
      result("t", hostile),
      end,
    ];
    const { page } = await look(await said(talk, `hostile <b>`));
    await page.getByText("onerror").first().waitFor();
    for (const fold of await page.locator(".fold").all()) await fold.click();
    equal(await page.locator("img, script:not([nonce]), b, a, iframe").count(), 0);
    equal(await page.evaluate(() => "hit" in globalThis), false);
    ok((await page.locator(".blocks").textContent())?.includes("⟨U+202E⟩"));
  });

  it("follows what comes, until the reader scrolls up", async () => {
    const file = join(daemon.work, "live");
    writeFileSync(file, outputLines(1, 200));
    const id = await client.shell(`tail -n +1 -f ${file}`, { agent: "shell", title: "live" });
    const { page } = await look(id);
    await page.locator(".stdout").getByText("line 200.").waitFor();
    await waitFor(async () => (await below(page)) < 2, "the end to be in sight");
    appendFileSync(file, outputLines(201, 300));
    await page.locator(".stdout").getByText("line 300.").waitFor();
    ok((await below(page)) < 2);

    await page.locator(".scroller").hover();
    await page.mouse.wheel(0, -600);
    const jump = page.getByRole("button", { name: /Jump to the latest/ });
    await jump.waitFor();
    const before = await page.locator(".scroller").evaluate(({ scrollTop }) => scrollTop);
    appendFileSync(file, outputLines(301, 400));
    await page.locator(".stdout").getByText("line 400.").waitFor({ state: "attached" });
    equal(await page.locator(".scroller").evaluate(({ scrollTop }) => scrollTop), before);
    await jump.click();
    await waitFor(async () => (await below(page)) < 2, "the end to be in sight again");
    equal(await jump.isVisible(), false);
    await page.getByRole("button", { name: "Cancel" }).waitFor();
    await client.call("session/cancel", { sessionId: id });
    await page.locator(".ending").getByText("Cancelled").waitFor();
  });

  it("follows over a question and its answer, which change how much room there is", async () => {
    const prompt = `ask ${outputLines(1, 90)}`;
    const id = await client.shell(prompt, { agent: "talk", title: "follows" });
    const { page } = await look(id);
    const allow = page.getByRole("button", { name: "Allow once" });
    await allow.waitFor();
    await waitFor(async () => (await below(page)) < 2, "the end to be in sight");
    await allow.click();
    await page.locator(".ending").getByText("Completed").waitFor();
    await waitFor(async () => (await below(page)) < 2, "the end to be in sight again");
    equal(await page.getByRole("button", { name: /Jump to the latest/ }).isVisible(), false);
  });

  it("says that it is to be kept when somebody begins to write, and only then", async () => {
    const { page, opened } = await look(await said(work, "kept"));
    await page.getByText("All is mended.").waitFor();
    await page.getByRole("textbox").fill("wait");
    await page.getByRole("textbox").fill("wait a moment");
    await waitFor(() => opened.length > 0, "the page to say so");
    deepEqual(opened, [{ action: "keep", given: undefined }]);
  });

  it("shows the signs of states in the tones of the tree", async () => {
    const { page } = await look(await said(work, "signs"));
    const sign = page.locator(".factRow .sign");
    await sign.waitFor();
    equal(await sign.getAttribute("class"), "sign good");
    equal(await sign.locator("path").getAttribute("d"), stateSigns.completed.strokes);
  });

  it("sends messages, and says what became of them", async () => {
    const id = await client.shell("hello", { agent: "talk", title: "talk" });
    const { page } = await look(id);
    await page.locator(".message").getByText("heard hello").waitFor();
    const field = page.getByRole("textbox", { name: "Message to the session" });
    await field.fill("and more");
    await field.press("Enter");
    await page.getByText("Your message: given to the run.").waitFor();
    await page.locator(".message").getByText("heard and more").waitFor();
    equal(await field.inputValue(), "");
    await field.fill("end");
    await page.getByRole("button", { name: "Send message" }).click();
    await page.locator(".ending").getByText("Completed").waitFor();
    await field.fill("end again");
    await field.press("Enter");
    await page.getByText("Your message: begins a new run.").waitFor();
    await page.getByText("Another run").waitFor();
    deepEqual(await page.locator(".block.sent .text").allTextContents(), [
      ...["hello", "and more", "end", "end again"],
    ]);
  });

  it("asks for approval, and gives the answer with its words", async () => {
    const id = await client.shell("ask", { agent: "talk", title: "asks" });
    const { page } = await look(id);
    const card = page.getByRole("article", { name: /Asks for your approval: rm x/ });
    await card.waitFor();
    equal(await card.locator("pre").textContent(), "rm x");
    await card.getByRole("button", { name: "Deny with a message" }).click();
    await page.keyboard.type("Move it instead");
    await page.keyboard.press("Enter");
    await page.getByText("Move it instead").last().waitFor();
    await waitFor(async () => (await card.count()) === 0, "the card to go");
    await page.getByText("Denied: rm x").waitFor();
    await page.getByText(/answered .*Move it instead/).waitFor();
  });

  it("is where it was after it was hidden, with what was being written", async () => {
    const id = await said(longTalk, "long");
    const shown = await look(id);
    const { page } = shown;
    await page.getByText("said 1999.").waitFor();
    await page.locator(".blocks").focus();
    await page.keyboard.press("Home");
    await page.getByText("said 0.", { exact: true }).waitFor();
    await page.getByText("said 40.", { exact: true }).scrollIntoViewIfNeeded();
    await page.getByRole("textbox").fill("half a message");
    await shown.reload();
    await page.getByText("said 40.", { exact: true }).waitFor();
    equal(await page.getByRole("textbox").inputValue(), "half a message");
    await waitFor(() => page.getByText("said 40.", { exact: true }).isVisible(), "the same place");
    ok((await page.getByText("said 1999.").count()) === 0);
  });

  it("reads on at both ends, and drops what is far away", async () => {
    const { page } = await look(await said(longTalk, "longer"));
    await page.getByText("said 1999.").waitFor();
    await page.locator(".scroller").hover();
    await waitFor(async () => {
      await page.mouse.wheel(0, -6_000);
      return (await page.getByText("said 0.", { exact: true }).count()) > 0;
    }, "the beginning");
    equal(await page.getByText("said 1999.").count(), 0);
    ok((await page.locator(".block").count()) < 1_700);
    await waitFor(async () => {
      await page.mouse.wheel(0, 6_000);
      return (await page.getByText("said 1999.").count()) > 0;
    }, "the end");
    equal(await page.getByText("said 0.", { exact: true }).count(), 0);
  });

  it("is walked through with the keyboard", async () => {
    const { page } = await look(await said(work, "keys"));
    await page.getByText("All is mended.").waitFor();
    await page.getByRole("textbox").focus();
    await page.keyboard.press("Escape");
    const focused = page.locator(".block:focus");
    match((await focused.getAttribute("aria-label")) ?? "", /^message, /);
    for (let n = 0; n < 3; n += 1) await page.keyboard.press("ArrowUp");
    const fold = page.locator(".block:focus .fold");
    equal(await fold.getAttribute("aria-expanded"), "false");
    await page.keyboard.press("ArrowRight");
    equal(await fold.getAttribute("aria-expanded"), "true");
    await page.keyboard.press("ArrowLeft");
    equal(await fold.getAttribute("aria-expanded"), "false");
  });

  it("goes on when the core dies, and does not wait for what never ended", async () => {
    const file = join(daemon.work, "unfinished");
    const lines = [
      assistant({ type: "text", text: "Now." }),
      use("t", "Bash", { command: "make" }),
    ];
    writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    const id = await client.shell(file, { agent: "follow", title: "unfinished" });
    const { page } = await look(id);
    await page.getByRole("button", { name: /running, make/ }).waitFor();
    await daemon.killCore();
    await page
      .locator(".ending")
      .getByText(/Interrupted/)
      .waitFor();
    await page.getByRole("button", { name: /never ended, make/ }).waitFor();
    equal(await page.getByRole("button", { name: "Run Again" }).isVisible(), true);
  });

  it("says so when the session is deleted", async () => {
    const id = await said(work, "gone");
    const { page } = await look(id);
    await page.getByText("All is mended.").waitFor();
    await client.call("session/delete", { sessionId: id });
    await page.getByText("This session was deleted.").waitFor();
    equal(await page.getByRole("textbox").isVisible(), false);
  });
});

function outputLines(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, n) => `line ${from + n}.\n`).join("");
}

/** Pixels below what is in sight. */
function below(page: Page): Promise<number> {
  return page
    .locator(".scroller")
    .evaluate((one) => one.scrollHeight - one.scrollTop - one.clientHeight);
}

let lastMessage = 0;
function assistant(content: object): object {
  lastMessage += 1;
  const usage = { input_tokens: 1, output_tokens: 1 };
  const message = { id: `m${lastMessage}`, model: "m-1", content: [content], usage };
  return { type: "assistant", session_id: "s", message };
}

function use(id: string, name: string, input: object): object {
  return assistant({ type: "tool_use", id, name, input });
}

function result(id: string, content: unknown): object {
  const block = { type: "tool_result", tool_use_id: id, content };
  return { type: "user", session_id: "s", message: { role: "user", content: [block] } };
}

const end = {
  ...{ type: "result", subtype: "success", is_error: false, result: "x", session_id: "s" },
  ...{ num_turns: 1, total_cost_usd: 0.25, modelUsage: {} },
};

const work = [
  { type: "system", subtype: "init", session_id: "s", model: "m-1" },
  assistant({ type: "thinking", thinking: "Where to begin?" }),
  use("t1", "Bash", { command: "npm test" }),
  result("t1", "\u001b[31m1 failing\u001b[0m\n at a.test.ts:7:1"),
  use("t2", "TodoWrite", {
    todos: [
      { content: "look", status: "completed" },
      { content: "mend", status: "in_progress" },
    ],
  }),
  result("t2", "ok"),
  use("t3", "Edit", {
    ...{ file_path: "src/a.ts", old_string: "const a = 1;\n" },
    new_string: "// One.\nconst a = 1;;\n",
  }),
  result("t3", "x".repeat(20_000)),
  assistant({ type: "text", text: "All is mended. See src/a.ts:12 and https://example.com/x." }),
  end,
];

const longTalk = [
  ...Array.from({ length: 2_000 }, (_, n) =>
    assistant({ type: "text", text: `said ${n}.\n\nIt takes some room.` }),
  ),
  end,
];
