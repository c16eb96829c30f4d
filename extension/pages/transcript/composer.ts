/** The field for a message to the session, and what became of the message. */
import type { HeadFacts } from "../../transcript/pageMessages.ts";
import { button, element, setHidden, setText } from "../elements/dom.ts";
import type { PageContext } from "./pageContext.ts";

interface Options {
  post: PageContext["post"];
  onChange: () => void;
  leave: () => void;
}

export function composer({ post, onChange, leave }: Options) {
  const field = element("textarea", { "aria-label": "Message to the session" });
  field.rows = 1;
  const send = button("primary", "Send message", submit);
  const said = element("div", { class: "said", role: "status" });
  const row = element("div", { class: "row" }, field, send);
  const root = element("footer", {}, said, row);

  function submit(): void {
    const text = field.value.trim();
    if (text === "" || send.disabled) return;
    send.disabled = true;
    post({ type: "send", text });
  }

  /** Makes the field as high as its text, up to a bound in the style sheet. */
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
    onChange();
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return leave();
    // While an input method composes a word, Enter ends the word and sends nothing.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });

  return {
    element: root,
    update(head: HeadFacts): void {
      setHidden(row, !head.abilities.includes("send"));
      field.placeholder = placeholderOf(head);
    },
    draft: () => field.value,
    setDraft(text: string): void {
      field.value = text;
      fit();
    },
    sent(text: string): void {
      send.disabled = false;
      field.value = "";
      fit();
      onChange();
      say(`Your message: ${text}`, "info");
    },
    notSent(text: string): void {
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
