// A receiver to try webhooks with: `node examples/receiver.mjs whsec_…` listens on 127.0.0.1:4000.
import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';

const webhook = new Webhook(process.argv[2]);
const seen = new Set();

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  try {
    // The signature is over the bytes as they came: verify before anything parses them.
    const event = webhook.verify(Buffer.concat(chunks).toString('utf8'), request.headers);
    // The id is the same for every attempt and resend: it is how to drop duplicates.
    const isNew = !seen.has(event.id);
    seen.add(event.id);
    console.log(isNew ? `${event.type} ${event.operation?.id ?? ''}` : `${event.id} again: dropped`);
    response.writeHead(204).end();
  } catch (error) {
    console.log(`Refused: ${error.message}`);
    response.writeHead(400).end();
  }
}).listen(4_000, '127.0.0.1', () => console.log('Listening on http://127.0.0.1:4000/hook'));
