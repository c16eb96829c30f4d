/** Makes elements of data. Texts are only ever texts: nothing here reads markup. */
import type { SvgElement } from "../../timeline/drawing.ts";

const svgNamespace = "http://www.w3.org/2000/svg";

type Attributes = Record<string, string>;

export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function makeSvg(attributes: Attributes): SVGSVGElement {
  const made = document.createElementNS(svgNamespace, "svg");
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Makes the children what they should be, and touches only what differs. */
export function patch(parent: Element, children: readonly (SvgElement | string)[]): void {
  const extra = [...parent.childNodes].slice(children.length);
  for (const node of extra) node.remove();
  for (const [place, child] of children.entries()) patchOne(parent, place, child);
}

function patchOne(parent: Element, place: number, child: SvgElement | string): void {
  const known = parent.childNodes[place];
  if (typeof child === "string") {
    if (known instanceof Text) {
      if (known.data !== child) known.data = child;
    } else put(parent, known, document.createTextNode(child));
    return;
  }
  const isSame = known instanceof SVGElement && known.localName === child.name;
  const element = isSame ? known : document.createElementNS(svgNamespace, child.name);
  if (!isSame) put(parent, known, element);
  for (const { name } of [...element.attributes]) {
    if (!(name in child.attributes)) element.removeAttribute(name);
  }
  for (const [name, value] of Object.entries(child.attributes)) setAttribute(element, name, value);
  patch(element, child.children);
}

function put(parent: Element, known: ChildNode | undefined, node: Node): void {
  if (known === undefined) parent.append(node);
  else known.replaceWith(node);
}

export function setAttribute(element: Element, name: string, value: string | number): void {
  const text = String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
