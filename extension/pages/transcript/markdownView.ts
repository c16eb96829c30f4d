/** An agent's Markdown as elements. HTML in it is shown as text. */
import { lexer, type Token, type Tokens } from "marked";
import { visibleText } from "../../base/plainText.ts";
import { element } from "../elements/dom.ts";
import { fileLink, linkedText, webLink } from "./linkedText.ts";
import type { PageContext } from "./pageContext.ts";

/** While a text grows, only its last part is made again, so that selections stay. */
export function markdownView(context: PageContext) {
  const root = element("div", { class: "markdown" });
  let shown: string[] = [];
  return {
    element: root,
    update(text: string): void {
      const tokens = tokensOf(visibleText(text));
      const same = tokens.findIndex(({ raw }, place) => raw !== shown[place]);
      const from = same < 0 ? tokens.length : same;
      while (root.childNodes.length > from) root.lastChild?.remove();
      for (const token of tokens.slice(from)) root.append(blockNode(token, context));
      shown = tokens.map(({ raw }) => raw);
    },
  };
}

function tokensOf(text: string): Token[] {
  try {
    return lexer(text, { gfm: true }).filter(({ type }) => type !== "space" && type !== "def");
  } catch {
    // The lexer fails on hostile text, such as a thousand nested quotes.
    return [{ type: "text", raw: text, text }];
  }
}

function blockNode(token: Token, context: PageContext): Node {
  const inside = (tokens: Token[] = []) => tokens.map((one) => inlineNode(one, context));
  const blocks = (tokens: Token[] = []) => tokens.map((one) => blockNode(one, context));
  switch (token.type) {
    case "heading": {
      const level = Math.min(6, (token as Tokens.Heading).depth + 2) as 3 | 4 | 5 | 6;
      return element(`h${level}`, {}, ...inside(token.tokens));
    }
    case "paragraph":
      return element("p", {}, ...inside(token.tokens));
    case "code":
      return element("pre", {}, element("code", {}, linkedText(textOf(token), context)));
    case "blockquote":
      return element("blockquote", {}, ...blocks(token.tokens));
    case "hr":
      return element("hr");
    case "list":
      return listNode(token as Tokens.List, blocks);
    case "table":
      return tableNode(token as Tokens.Table, inside);
    case "text":
      // The text of a list item, which may have inline tokens.
      return token.tokens === undefined
        ? linkedText(textOf(token), context)
        : element("span", {}, ...inside(token.tokens));
    default:
      return element("p", {}, linkedText(token.raw, context));
  }
}

function listNode(list: Tokens.List, blocks: (tokens?: Token[]) => Node[]): Node {
  const items = list.items.map((item) => {
    const mark = item.task ? (item.checked === true ? "☑ " : "☐ ") : undefined;
    const className = item.task ? "task" : "";
    const content = item.tokens.filter(({ type }) => type !== "checkbox");
    return element("li", { class: className }, mark, ...blocks(content));
  });
  if (!list.ordered) return element("ul", {}, ...items);
  const ordered = element("ol", {}, ...items);
  if (typeof list.start === "number") ordered.start = list.start;
  return ordered;
}

function tableNode(table: Tokens.Table, inside: (tokens?: Token[]) => Node[]): Node {
  const cells = (tag: "th" | "td", row: Tokens.TableCell[]) =>
    element("tr", {}, ...row.map(({ tokens }) => element(tag, {}, ...inside(tokens))));
  const head = element("thead", {}, cells("th", table.header));
  const body = element("tbody", {}, ...table.rows.map((row) => cells("td", row)));
  return element("div", { class: "table" }, element("table", {}, head, body));
}

function inlineNode(token: Token, context: PageContext): Node {
  const tokens: Token[] | undefined = "tokens" in token ? token.tokens : undefined;
  const inside = () => (tokens ?? []).map((one) => inlineNode(one, context));
  switch (token.type) {
    case "strong":
      return element("strong", {}, ...inside());
    case "em":
      return element("em", {}, ...inside());
    case "del":
      return element("del", {}, ...inside());
    case "codespan":
      return element("code", {}, linkedText(textOf(token), context));
    case "br":
      return element("br");
    case "link":
    case "image":
      return linkNode(token as Tokens.Link, context);
    case "text":
    case "escape":
      return tokens === undefined
        ? linkedText(textOf(token), context)
        : element("span", {}, ...inside());
    default:
      return document.createTextNode(token.raw);
  }
}

function linkNode({ href, text }: Tokens.Link, context: PageContext): Node {
  const name = text === "" ? href : text;
  if (/^https?:\/\//i.test(href)) return webLink(name, href, context);
  if (/^[a-z][a-z0-9+.-]+:/i.test(href) && !/^[a-z]:[\\/]/i.test(href)) {
    return document.createTextNode(`${name} (${href})`);
  }
  const [, path = href, line] = /^(.*?)(?:#L|:)(\d+)(?:\D.*)?$/.exec(href) ?? [];
  return fileLink(name, { path, ...(line !== undefined && { line: Number(line) }) }, context);
}

function textOf(token: Token): string {
  return "text" in token && typeof token.text === "string" ? token.text : token.raw;
}
