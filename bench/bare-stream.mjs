// The limit of streaming: a bare HTTP server that writes the same bytes to all its readers, without a key or a
// database.
import { createServer } from 'node:http';

const readers = new Set();
let sequence = 0;

const server = createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  readers.add(response);
  response.on('close', () => readers.delete(response));
});

process.on('message', ({ events, data, batch }) => {
  const write = (left) => {
    if (left === 0) return;
    let text = '';
    for (let n = 0; n < Math.min(batch, left); n++) text += `id: ${(sequence += 1)}\ndata: ${data}\n\n`;
    for (const response of readers) response.write(text);
    setImmediate(write, Math.max(0, left - batch));
  };
  write(events);
});
process.on('disconnect', () => process.exit(0));
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
