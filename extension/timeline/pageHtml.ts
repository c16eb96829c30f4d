/** The frame of the page: what may run in it, and nothing else. Pure. */

interface PageParts {
  rootId: string;
  cspSource: string;
  nonce: string;
  script: string;
  style: string;
}

/** The page without content: all of that comes in messages, and none of it as markup. */
export function timelineHtml({ rootId, cspSource, nonce, script, style }: PageParts): string {
  const policy = `default-src 'none'; style-src ${cspSource}; script-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta name="viewport" content="width=device-width, initial-scale=1.0">
<meta http-equiv="Content-Security-Policy" content="${attribute(policy)}">
<link rel="stylesheet" href="${attribute(style)}">
<title>Timeline</title>
</head>
<body data-root="${attribute(rootId)}">
<script nonce="${nonce}" src="${attribute(script)}"></script>
</body>
</html>`;
}

function attribute(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}
