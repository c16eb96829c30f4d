/** Makes elements. Text becomes text and never markup: it is all by strangers. */

type Child = Node | string | undefined;

interface Fields {
  className?: string;
  title?: string;
  label?: string;
  role?: string;
}

export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  { className, title, label, role }: Fields = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  if (className !== undefined) made.className = className;
  if (title !== undefined) made.title = title;
  if (label !== undefined) made.ariaLabel = label;
  if (role !== undefined) made.role = role;
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/** A button that looks as its class says; `text` is what it is called, too. */
export function button(
  className: string,
  text: string | Node,
  onClick: () => void,
): HTMLButtonElement {
  const made = element("button", { className }, text);
  made.type = "button";
  made.addEventListener("click", onClick);
  return made;
}

/** Only touches the page where something is different: selections and focus stay. */
export function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

export function setHidden(target: HTMLElement, isHidden: boolean): void {
  if (target.hidden !== isHidden) target.hidden = isHidden;
}

/** `10:32:05`, as the reader's language writes it. */
export function clock(at: number): string {
  return timeFormat.format(at);
}

export function fullTime(at: number): string {
  return new Date(at).toLocaleString();
}

const timeFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** `0.4s`, `42s`, `3m 05s`, `2h 10m`. */
export function shortDuration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  const pad = (count: number) => String(count).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${pad(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h ${pad(Math.floor(whole / 60) % 60)}m`;
}
