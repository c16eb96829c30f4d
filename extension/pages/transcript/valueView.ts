/** The input of a tool: a command as text, fields as a list, anything else as text. */
import { visibleText } from "../../base/plainText.ts";
import { textOfValue } from "../../transcript/wholeText.ts";
import { element } from "../elements/dom.ts";
import { linkedText } from "./linkedText.ts";
import type { PageContext } from "./pageContext.ts";

export function valueView(value: unknown, context: PageContext): HTMLElement | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "object" || Array.isArray(value)) {
    return textBlock(textOfValue(value), context);
  }
  const fields = Object.entries(value);
  if (fields.length === 0) return undefined;
  const [only] = fields;
  if (fields.length === 1 && only?.[0] === "command" && typeof only[1] === "string") {
    return textBlock(only[1], context);
  }
  const rows = fields.map(([name, field]) => {
    const text = textOfValue(field);
    const isShort = text.length < 120 && !text.includes("\n");
    const shown = isShort
      ? element("code", {}, linkedText(visibleText(text), context))
      : textBlock(text, context);
    return element(
      "div",
      { class: isShort ? "field" : "field long" },
      element("span", { class: "name" }, visibleText(name)),
      shown,
    );
  });
  return element("div", { class: "fields" }, ...rows);
}

export function textBlock(text: string, context: PageContext): HTMLElement {
  return element("pre", {}, linkedText(visibleText(text), context));
}
