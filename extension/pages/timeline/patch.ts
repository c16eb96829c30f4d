/** Makes the elements of a drawing, and changes only what differs from the drawing before. */
import type { SvgElement } from "../../timeline/drawing.ts";
import { setAttribute, svgElement } from "../elements/dom.ts";

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
  const element = isSame ? known : svgElement(child.name as keyof SVGElementTagNameMap);
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
