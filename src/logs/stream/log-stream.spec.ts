import { PassThrough } from 'node:stream';
import { decodeId, uuidTime } from '../../common/ids.js';
import { Clock } from '../../common/clock.js';
import { SseConnection } from '../../common/sse/sse-connection.js';
import { LogStream } from './log-stream.js';
import type { LogPages } from './log-pages.js';
import type { LogTail } from './log-tail.js';

const DAY_MS = 86_400_000;

describe('the position that a stream of logs tells', () => {
  it('goes by the corrected clock, as the ids of logs do, at the beginning and each time all was read', () => {
    const clock = new Clock();
    clock.correct(-500 * DAY_MS);
    const connection = new SseConnection(new PassThrough());
    const tenant = { accountId: '0199ff00-0000-7000-8000-000000000000', mode: 'test' } as const;
    const position = { seen: null, after: 'ffffffff-ffff-ffff-ffff-ffffffffffff', upTo: null, first: null };
    const tail = { leave: () => undefined } as unknown as LogTail;
    const start = { tenant, position, isCaughtUp: true, matches: () => true };
    const stream = new LogStream(start, connection, tail, undefined as unknown as LogPages, clock);
    const ageMs = () => clock.now().getTime() - uuidTime(decodeId('log', connection.positionOf()!));
    expect(Math.abs(ageMs())).toBeLessThan(DAY_MS);
    clock.correct(-900 * DAY_MS);
    stream.take([], true);
    expect(Math.abs(ageMs())).toBeLessThan(DAY_MS);
    connection.end('shutting_down', 'Reconnect.', 0);
  });
});
