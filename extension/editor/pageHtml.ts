/** The document of a web view. Pure. */

export interface PageParts {
  title: string;
  sessionId: string;
  cspSource: string;
  nonce: string;
  /** Addresses of the extension's own script and style. */
  script: string;
  style: string;
}

/**
 * A page loads nothing but the extension's own style and the one script with the nonce. All content
 * arrives in messages, and none of it as markup.
 */
export function pageHtml({ title, sessionId, cspSource, nonce, script, style }: PageParts): string {
  const policy = [
    "default-src 'none'",
    `style-src ${cspSource}`,
    `script-src 'nonce-${nonce}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta http-equiv="Content-Security-Policy" content="${attribute(policy)}" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <link rel="stylesheet" href="${attribute(style)}" />
    <title>${title}</title>
  </head>
  <body data-session="${attribute(sessionId)}">
    <script nonce="${nonce}" src="${attribute(script)}"></script>
  </body>
</html>
`;
}

function attribute(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
