import { createServer } from 'node:http';

/**
 * An empty page on a server of its own. `127.0.0.1` is the host of the service too, so that a page there is of the same
 * site and another origin; `localhost` is another site.
 */
export async function servePage(host) {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>A shop</title>');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://${host}:${server.address().port}`,
    stop: () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))),
  };
}

/**
 * What a script of the page gets when it asks `url`: status and body, or the error when the browser shows it nothing.
 */
export function askFromPage(page, url, { method = 'GET', headers = {}, body } = {}) {
  return page.evaluate(
    async ([url, init]) => {
      try {
        const response = await fetch(url, init);
        return { status: response.status, body: await response.json(), requestId: response.headers.get('request-id') };
      } catch (error) {
        return { error: String(error) };
      }
    },
    [url, { method, headers, body: body && JSON.stringify(body) }],
  );
}
