/** Where a message to the session is written; it says what became of it. */
import type { HeadFacts } from "../../transcript/pageMessages.ts";
import { button, element, setHidden, setText } from "./dom.ts";
import type { PageContext } from "./pageContext.ts";

export interface Composer {
  element: HTMLElement;
  update(head: HeadFacts): void;
  draft(): string;
  setDraft(text: string): void;
  sent(text: string): void;
  notSent(text: string): void;
  say(text: string, level: "info" | "error"): void;
}

interface Parts {
  tell: PageContext["tell"];
  changed: () => void;
  /** Escape: back to what there is to read. */
  leave: () => void;
}

export function composer({ tell, changed, leave }: Parts): Composer {
  const field = element("textarea", { label: "Message to the session" });
  field.rows = 1;
  const send = button("primary", "Send message", submit);
  const said = element("div", { className: "said", role: "status" });
  const row = element("div", { className: "row" }, field, send);
  const root = element("footer", {}, said, row);

  function submit(): void {
    const text = field.value.trim();
    if (text === "" || send.disabled) return;
    send.disabled = true;
    tell({ type: "send", text });
  }

  /** As high as its text, up to a bound that the style sets. */
  function fit(): void {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + 2}px`;
  }

  function say(text: string, level: "info" | "error"): void {
    said.className = `said ${level}`;
    setText(said, text);
  }

  field.addEventListener("input", () => {
    fit();
    changed();
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return leave();
    // Enter ends a word that is being put together from keys; then it sends nothing.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });

  return {
    element: root,
    update(head) {
      setHidden(row, !head.canSend);
      field.placeholder = placeholderOf(head);
    },
    draft: () => field.value,
    setDraft(text) {
      field.value = text;
      fit();
    },
    sent(text) {
      send.disabled = false;
      field.value = "";
      fit();
      changed();
      say(`Your message: ${text}`, "info");
    },
    notSent(text) {
      send.disabled = false;
      say(`Not sent: ${text}`, "error");
    },
    say,
  };
}

function placeholderOf({ status, isOpen }: HeadFacts): string {
  if (status === "running" || status === "suspended") return "Message to the run (Enter sends it)";
  return isOpen ? "Message for its next run" : "Message: it begins a new run";
}
