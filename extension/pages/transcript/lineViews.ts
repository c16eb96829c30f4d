/** The blocks of one line: plans, approvals, children, retries, notes, waits and new runs. */
import { type ShownState, shownStateOf } from "../../sessions/stateSigns.ts";
import type { Block } from "../../transcript/block.ts";
import { clock, exactDuration } from "../../base/numbers.ts";
import { visibleText } from "../../base/plainText.ts";
import { button, element } from "../elements/dom.ts";
import { linkedText } from "./linkedText.ts";
import type { PageContext } from "./pageContext.ts";
import { stateSign } from "./stateSign.ts";

export type LineBlock = Exclude<
  Block,
  { kind: "message" | "thought" | "tool" | "output" | "sent" }
>;

export function lineOf(block: LineBlock, context: PageContext): (Node | string)[] {
  switch (block.kind) {
    case "plan":
      return planOf(block);
    case "approval": {
      const title = context.approval(block.approvalId)?.title;
      // The tray shows the title of an open approval.
      const isOpen = block.state === "requested";
      const what = title === undefined || isOpen ? "" : `: ${visibleText(title)}`;
      const [sign, word] = approvalStates[block.state] ?? ["approval", visibleText(block.state)];
      return [stateSign(sign), `${word}${what}`];
    }
    case "child": {
      const child = context.child(block.sessionId);
      const status = child?.status ?? block.status;
      const open = () => context.post({ type: "openSession", sessionId: block.sessionId });
      const link = button("link", visibleText(child?.title ?? "Sub-agent"), open);
      link.title = "Open its transcript";
      return [stateSign(child?.sign ?? shownStateOf(status)), link, ` ${status}`];
    }
    case "retry": {
      const wait = exactDuration(block.inMs);
      return [
        mark("↻"),
        `Attempt ${block.attempt} begins in ${wait} after: `,
        linkedText(visibleText(block.message), context),
      ];
    }
    case "note":
      return [
        mark(noteMarks[block.level], block.level),
        linkedText(visibleText(block.text), context),
      ];
    case "wait": {
      const until = block.until === undefined ? "" : ` · ${exactDuration(block.until - block.at)}`;
      const [sign, word] = waitReasons[block.reason] ?? ["background", visibleText(block.reason)];
      return [stateSign(sign), `${word}${until}`];
    }
    case "run":
      return [element("span", { class: "rule" }), `Another run, ${clock(block.at)}`];
  }
}

const noteMarks = { info: "i", warning: "!", error: "✗" };

type SignAndWord = readonly [sign: ShownState, word: string];

const approvalStates: Readonly<Record<string, SignAndWord>> = {
  requested: ["approval", "Asks for your approval"],
  allowOnce: ["completed", "Allowed once"],
  allowAlways: ["completed", "Allowed always"],
  denyOnce: ["cancelled", "Denied"],
  denyAlways: ["cancelled", "Denied always"],
  expired: ["timeout", "Nobody answered in time"],
};

const waitReasons: Readonly<Record<string, SignAndWord>> = {
  children: ["children", "Waits for its sub-agents"],
  input: ["input", "Waits for a message"],
  background: ["background", "Waits for a background process"],
};

const planMarks = { completed: "✓", in_progress: "", pending: "" };
const planWords = { completed: "done", in_progress: "in progress", pending: "to do" };

function planOf({ entries, isOld }: Extract<Block, { kind: "plan" }>): (Node | string)[] {
  const done = entries.filter(({ status }) => status === "completed").length;
  const sum = `Plan · ${done} of ${entries.length} done`;
  if (isOld) return [mark("☰"), sum];
  const items = entries.map(({ text, status }) => {
    const sign = mark(planMarks[status], planWords[status]);
    return element("li", { class: status }, sign, visibleText(text));
  });
  return [element("div", { class: "planHead" }, mark("☰"), sum), element("ul", {}, ...items)];
}

/** A sign; `word` is its meaning, for screen readers. */
function mark(sign: string, word?: string): HTMLElement {
  const made = element("span", { class: `mark ${word ?? ""}`, role: "img" }, sign);
  if (word === undefined) made.ariaHidden = "true";
  else made.ariaLabel = word;
  return made;
}
