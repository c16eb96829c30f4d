/** The frame of a transcript's page: everything that is in it is made by its script. Pure. */

interface Parts {
  sessionId: string;
  nonce: string;
  cspSource: string;
  /** Addresses of the extension's own style and script. */
  style: string;
  script: string;
}

/** Nothing is loaded but the extension's own style and the one script with the nonce. */
export function transcriptHtml({ sessionId, nonce, cspSource, style, script }: Parts): string {
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
    <meta http-equiv="Content-Security-Policy" content="${policy}" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="offshoot-session" content="${attribute(sessionId)}" />
    <link rel="stylesheet" href="${attribute(style)}" />
    <title>Transcript</title>
  </head>
  <body>
    <script nonce="${nonce}" src="${attribute(script)}"></script>
  </body>
</html>
`;
}

function attribute(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
