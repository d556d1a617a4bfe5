// A receiver in a process of its own. By the path's first part: /hook answers 200, /down answers 503 until it is told
// to come back, /hole takes the request and never answers, /silent answers 200. Counts what /hook and /down answered
// with 200, and on request keeps when each `webhook-id` came first, by the machine's monotonic clock.
import { createServer } from 'node:http';
import { monotonicMs } from './statistics.mjs';

let received = 0;
let isDown = true;
let arrivals = null;
let sample = null;
let waiting = null;
const OK = { 'content-length': '2' };

const server = createServer({ keepAliveTimeout: 600_000, requestTimeout: 0 }, (request, response) => {
  const chunks = sample === 'next' ? [] : null;
  request.on('data', (chunk) => chunks?.push(chunk));
  request.on('end', () => {
    if (request.url.startsWith('/hole')) return;
    if (isDown && request.url.startsWith('/down')) {
      response.writeHead(503, OK).end('no');
      return;
    }
    if (request.url.startsWith('/silent')) {
      response.writeHead(200, OK).end('ok');
      return;
    }
    received += 1;
    if (arrivals !== null && !arrivals.has(request.headers['webhook-id']))
      arrivals.set(request.headers['webhook-id'], monotonicMs());
    if (chunks !== null) sample = { headers: request.headers, body: Buffer.concat(chunks).toString() };
    response.writeHead(200, OK).end('ok');
    if (waiting !== null && countArrivals() >= waiting) answer();
  });
});

/** Where arrivals are kept, a webhook that comes again counts once. */
function countArrivals() {
  return arrivals?.size ?? received;
}

function answer() {
  waiting = null;
  process.send({ at: monotonicMs(), received });
}

const QUESTIONS = {
  /** Begin to count from 0; `keep`: and to keep when what came. */
  reset: ({ keep = false }) => {
    received = 0;
    arrivals = keep ? new Map() : null;
    process.send({});
  },
  /** Answered when `count` have come since the reset. */
  reached: ({ count }) => {
    waiting = count;
    if (countArrivals() >= count) answer();
  },
  count: answer,
  arrivals: () => process.send({ arrivals: [...arrivals] }),
  comeBack: ({ down = false }) => {
    isDown = down;
    process.send({});
  },
  /** The headers and the body of the next request, for a driver that is to send the same bytes. */
  takeSample: () => {
    sample = 'next';
    process.send({});
  },
  sample: () => process.send({ sample }),
};

process.on('message', (message) => QUESTIONS[message.question](message));
process.on('disconnect', () => process.exit(0));
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
