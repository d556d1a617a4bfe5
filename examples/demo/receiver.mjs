import { once } from 'node:events';
import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';

/** A merchant's receiver: verifies each request with a library that is not ours, and notes when it came. */
export async function startReceiver() {
  /** Event id → when its first request came and whether its signature was right. */
  const arrivals = new Map();
  const refusals = [];
  let duplicates = 0;
  let webhook = null;

  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const arrivedMs = performance.now();
    try {
      const event = webhook.verify(Buffer.concat(chunks).toString('utf8'), request.headers);
      if (event.id !== request.headers['webhook-id']) throw new Error(`${event.id} came under another id`);
      // The id is the same for every attempt: what came before is a duplicate, to be acknowledged and dropped.
      if (arrivals.has(event.id)) duplicates++;
      else arrivals.set(event.id, arrivedMs);
      response.writeHead(204).end();
    } catch (error) {
      refusals.push(error.message);
      response.writeHead(400).end('The signature is wrong.');
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${server.address().port}/hook`,
    expect(secret) {
      webhook = new Webhook(secret);
    },
    has: (id) => arrivals.has(id),
    arrivedMs: (id) => arrivals.get(id),
    verifiedIds: () => [...arrivals.keys()],
    refusals,
    get duplicates() {
      return duplicates;
    },
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
