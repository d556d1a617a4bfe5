// A receiver in a process of its own: counts, answers 200, tells its parent how many came. `SINK_STATS=1` keeps times.
import { createServer } from 'node:http';

let received = 0;
const waiting = [];
const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  request.resume();
  request.on('end', () => {
    received += 1;
    response.writeHead(200, { 'content-length': '2' }).end('ok');
    while (waiting.length > 0 && waiting[0] <= received) {
      waiting.shift();
      process.send?.({ reached: received, at: performance.timeOrigin + performance.now() });
    }
  });
});
process.on('message', (message) => {
  if (message.reset) received = 0;
  if (message.count) process.send?.({ count: received });
  if (message.waitFor !== undefined) {
    if (received >= message.waitFor)
      process.send?.({ reached: received, at: performance.timeOrigin + performance.now() });
    else waiting.push(message.waitFor);
  }
});
process.on('disconnect', () => process.exit(0));
server.listen(0, '127.0.0.1', () => process.send?.({ port: server.address().port }));
