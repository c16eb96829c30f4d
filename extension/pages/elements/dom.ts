/** Makes and changes elements. Texts become text nodes and never markup: agents write them. */

type Attributes = Readonly<Record<string, string | undefined>>;

const svgNamespace = "http://www.w3.org/2000/svg";

/** Attributes and children that are undefined are left out. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: (Node | string | undefined)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

export function svgElement<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string>> = {},
): SVGElementTagNameMap[Tag] {
  const made = document.createElementNS(svgNamespace, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** A button with this class; its text is its name, too. */
export function button(
  className: string,
  text: string | Node,
  onClick: () => void,
): HTMLButtonElement {
  const made = element("button", { class: className, type: "button" }, text);
  made.addEventListener("click", onClick);
  return made;
}

/** These change only what differs, so that selections and the focus stay. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

export function setHidden(target: HTMLElement, isHidden: boolean): void {
  if (target.hidden !== isHidden) target.hidden = isHidden;
}

export function setAttribute(target: Element, name: string, value: string | number): void {
  const text = String(value);
  if (target.getAttribute(name) !== text) target.setAttribute(name, text);
}
