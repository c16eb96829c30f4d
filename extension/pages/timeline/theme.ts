/** The colours of the editor's theme as values, because an SVG attribute cannot hold a variable. */
import { toneColors } from "../../sessions/stateSigns.ts";
import { darkPalette, lightPalette, type Palette } from "../../timeline/drawing.ts";

/** The first of these variables that the theme sets is used. */
const variables: Record<string, readonly string[]> = {
  background: ["--vscode-editor-background"],
  foreground: ["--vscode-editor-foreground", "--vscode-foreground"],
  quiet: ["--vscode-descriptionForeground", "--vscode-editorLineNumber-foreground"],
  line: ["--vscode-contrastBorder", "--vscode-editorWidget-border", "--vscode-panel-border"],
  font: ["--vscode-font-family"],
};
for (const [tone, color] of Object.entries(toneColors)) {
  variables[tone] = [`--vscode-${color.replaceAll(".", "-")}`];
}

export function themePalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const isLight = /\bvscode-(high-contrast-)?light\b/.test(document.body.className);
  const resolved: Palette = { ...(isLight ? lightPalette : darkPalette) };
  for (const [name, candidates] of Object.entries(variables)) {
    const set = candidates.map((one) => style.getPropertyValue(one).trim());
    resolved[name as keyof Palette] =
      set.find((value) => value !== "") ?? resolved[name as keyof Palette];
  }
  return resolved;
}

export function onThemeChange(changed: () => void): void {
  const observer = new MutationObserver(changed);
  observer.observe(document.body, { attributeFilter: ["class"] });
  observer.observe(document.documentElement, { attributeFilter: ["style"] });
}
