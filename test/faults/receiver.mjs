// The merchants' receivers, all in a process of their own: it writes down what arrives and what it answered, and
// misbehaves as it is told. `/hook/<name>` is one receiver; nothing may ever arrive at `/moved/…`.
import { createServer } from 'node:http';

const DRIP_MS = 100;
const BOMB_BYTES = 16 * 1_024 * 1_024;
const BOMB_CHUNK = Buffer.alloc(65_536, 'b');
/** Answers take up to so long, so that something is in the air whenever a fault strikes. */
const LONGEST_WORK_MS = 60;
const RECORDS_A_MESSAGE = 2_000;

/** One order over arrivals and answers: what was answered before it arrived has the smaller number. */
let order = 0;
let open = 0;
let records = [];
const behaviours = new Map();

const BEHAVIOURS = {
  healthy: (request, response, answer) => setTimeout(() => answer(200), Math.random() * LONGEST_WORK_MS),
  /** One in three fails, some of them with a wish. */
  flaky: (request, response, answer) =>
    setTimeout(() => {
      if (Math.random() > 1 / 3) answer(200);
      else if (Math.random() > 1 / 3) answer(500);
      else answer(Math.random() > 0.5 ? 503 : 429, { 'retry-after': '1' });
    }, Math.random() * LONGEST_WORK_MS),
  stalling: () => undefined,
  dripping: (request, response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write('.'), DRIP_MS);
    response.on('close', () => clearInterval(timer));
  },
  /** Its status is an answer, whatever follows: a sender takes it and hangs up. */
  bombing: (request, response, answer) => {
    answer(200, {}, false);
    let left = BOMB_BYTES;
    const push = () => {
      while (left > 0 && !response.destroyed) {
        left -= BOMB_CHUNK.length;
        if (!response.write(BOMB_CHUNK)) return;
      }
      response.end();
    };
    response.on('drain', push);
    push();
  },
  resetting: (request) => request.socket.resetAndDestroy(),
  redirecting: (request, response, answer) => answer(302, { location: request.url.replace('/hook/', '/moved/') }),
};

const server = createServer((request, response) => {
  const [, kind, hook] = request.url.split('/');
  const record = {
    hook,
    isMoved: kind !== 'hook',
    eventId: request.headers['webhook-id'],
    arrived: ++order,
    arrivedAtMs: Date.now(),
    signedAtMs: Number(request.headers['webhook-timestamp']) * 1_000,
    operationId: null,
    sequence: null,
    answered: null,
    status: null,
  };
  records.push(record);
  open += 1;
  response.on('close', () => (open -= 1));
  response.on('error', () => undefined);
  request.on('error', () => undefined);
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const event = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    record.operationId = event.operation?.id ?? null;
    record.sequence = event.sequence;
    const answer = (status, headers = {}, isWhole = true) => {
      if (response.destroyed) return;
      // Before the first byte leaves: nothing that follows from this answer can have arrived yet.
      record.answered = ++order;
      record.status = status;
      response.writeHead(status, headers);
      if (isWhole) response.end('{}');
    };
    BEHAVIOURS[behaviours.get(hook) ?? 'healthy'](request, response, answer);
  });
});
server.keepAliveTimeout = 30_000;

process.on('message', ({ behave, take, askOpen }) => {
  if (behave !== undefined) for (const [hook, behaviour] of Object.entries(behave)) behaviours.set(hook, behaviour);
  if (askOpen) process.send({ open });
  if (take) {
    for (let from = 0; from < records.length; from += RECORDS_A_MESSAGE) {
      process.send({ records: records.slice(from, from + RECORDS_A_MESSAGE) });
    }
    process.send({ taken: records.length });
    records = [];
  }
});
// Its driver is gone: nobody needs it any more. Ctrl-C reaches it too, and is its driver's business.
process.on('disconnect', () => process.exit(0));
process.on('SIGINT', () => undefined);
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
