/** Takes out of an agent's text what the editor would make something else of. Pure. */

/** Messages of the editor make links of `[text](command:…)`, which a click would run. */
export function withoutLinks(text: string): string {
  return text.replaceAll("](", "] (");
}

/** Labels of picks draw an icon for `$(name)`. */
export function withoutIcons(text: string): string {
  return text.replaceAll("$(", "$ (");
}
