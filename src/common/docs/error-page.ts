import type { FastifyInstance } from 'fastify';
import { ERROR_CODES } from '../app-error.js';

/** Serves `/docs/errors`, to which the `type` of every problem points. */
export function registerErrorPage(instance: FastifyInstance): void {
  const page = errorPage();
  instance.get('/docs/errors', (_request, reply) => {
    void reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
      .header('cache-control', 'public, max-age=300')
      .send(page);
  });
}

function errorPage(): string {
  const sections = Object.entries(ERROR_CODES).map(
    ([code, [status, title, description]]) =>
      `<section id="${code}"><h2><a href="#${code}">${code}</a> <small>${status} ${escapeHtml(title)}</small></h2>` +
      `<p>${escapeHtml(description)}</p></section>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Signalpost: error codes</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1c1f24; }
h2 { font-size: 1rem; margin: 1.5rem 0 0; } h2 a { font-family: ui-monospace, monospace; color: inherit; }
small { font-weight: normal; color: #5b6470; } section:target { background: #fff6d6; } p { margin: .25rem 0; }
</style>
</head>
<body>
<h1>Error codes</h1>
<p>Every error is <code>application/problem+json</code> (RFC 9457). Decide by <code>code</code>: it is stable; sentences are not.
<code>errors</code> names each wrong field. Quote <code>request_id</code> when you ask for help.</p>
${sections.join('\n')}
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
