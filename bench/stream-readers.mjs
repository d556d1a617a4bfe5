// Readers of event streams, in a process of their own: each counts what it gets and what it missed.
import { Agent, get } from 'node:http';
import { monotonicMs } from './statistics.mjs';

const agent = new Agent({ maxSockets: Infinity, keepAlive: true });
const readers = [];
let wanted = Infinity;
let behind = 0;

/** One stream; `ids` are sequences, so that a gap is a miss. */
function open({ origin, path, key }) {
  const reader = { received: 0, last: null, missed: 0, rest: '' };
  readers.push(reader);
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}`, accept: 'text/event-stream' };
    const request = get(`${origin}${path}`, { agent, headers }, (response) => {
      if (response.statusCode !== 200) return reject(new Error(`A stream answered ${response.statusCode}.`));
      response.setEncoding('latin1').on('data', (chunk) => read(reader, chunk));
      resolve();
    });
    request.on('error', reject);
  });
}

function read(reader, chunk) {
  const text = reader.rest + chunk;
  const end = text.lastIndexOf('\n\n') + 1;
  reader.rest = text.slice(end);
  const before = reader.received;
  for (let at = text.indexOf('id: '); at >= 0 && at < end; at = text.indexOf('\nid: ', at)) {
    if (text[at] === '\n') at += 1;
    const lineEnd = text.indexOf('\n', at);
    // A heartbeat repeats the last id, without data.
    if (!text.startsWith('data: ', lineEnd + 1)) continue;
    const sequence = Number(text.slice(at + 4, lineEnd));
    if (reader.last !== null && sequence !== reader.last + 1) reader.missed += 1;
    reader.last = sequence;
    reader.received += 1;
  }
  if (before < wanted && reader.received >= wanted) {
    behind -= 1;
    if (behind === 0) answer();
  }
}

function answer() {
  process.send({ at: monotonicMs(), missed: readers.reduce((sum, { missed }) => sum + missed, 0) });
}

process.on('message', ({ streams, each }) => {
  if (streams !== undefined) {
    void Promise.all(streams.map(open)).then(() => process.send({ open: readers.length }));
    return;
  }
  // Answered when every reader has got `each` events since it was opened.
  wanted = each;
  behind = readers.filter(({ received }) => received < each).length;
  if (behind === 0) answer();
});
process.on('disconnect', () => process.exit(0));
process.send({ ready: true });
