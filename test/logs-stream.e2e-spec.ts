import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import type { EntityManager } from 'typeorm';
import { decodeId, encodeId, newUuid } from '../src/common/ids.js';
import { Database } from '../src/database/database.js';
import { LogWriter, type NewLog } from '../src/logs/log-writer.js';
import { LogStreamRepository } from '../src/logs/stream/log-stream.repository.js';
import { operationEvent, publishNew } from './support/publishing.js';
import { type MadeAccount, Service } from './support/service.js';
import { SseReader } from './support/sse-reader.js';

const STREAM = '/v1/logs/stream';
const DAY_MS = 86_400_000;
const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);

/** A transaction that has written and does not commit until it is told to. */
interface OpenTransaction {
  readonly id: string;
  commit(): Promise<void>;
}

describe('the stream of logs', () => {
  let first: Service;
  let second: Service;
  let account: MadeAccount;
  let key: string;
  let readers: SseReader[] = [];
  beforeAll(async () => {
    first = await Service.start({ environment: { STREAMS_PER_KEY: '60' } });
    second = await Service.start({ config: first.config });
  });
  beforeEach(async () => {
    account = await first.makeAccount();
    key = account.test.secretKey;
  });
  afterEach(() => {
    for (const reader of readers) reader.leave();
    readers = [];
  });
  afterAll(async () => {
    await second.stop();
    await first.stop();
  });

  interface OpenOptions {
    readonly on?: Service;
    readonly by?: string;
    readonly after?: string;
    readonly query?: string;
  }
  const open = async ({ on = first, by = key, after, query = 'action=note' }: OpenOptions = {}): Promise<SseReader> => {
    const { port } = on.app.getHttpServer().address() as AddressInfo;
    const headers: Record<string, string> = after === undefined ? {} : { 'last-event-id': after };
    const reader = await SseReader.open(`http://127.0.0.1:${port}`, `${STREAM}?${query}`, by, headers);
    readers.push(reader);
    return reader;
  };
  const texts = (reader: SseReader): string[] => reader.events.map(({ description }) => description as string);
  const has = (reader: SseReader, wanted: readonly string[]) =>
    reader.until(() => wanted.every((text) => texts(reader).includes(text)));
  const newLog = (description: string, more: Partial<NewLog> = {}): NewLog => ({
    accountId: decodeId('acct', account.id),
    mode: 'test',
    category: 'operation',
    action: 'note',
    status: 'info',
    description,
    ...more,
  });
  /** The log's id, as the API gives it. */
  const write = async (description: string, on = first, manager?: EntityManager): Promise<string> => {
    const [id] = await on.app.get(LogWriter, { strict: false }).write([newLog(description)], manager);
    return encodeId('log', id!);
  };
  const writeMany = (texts: readonly string[], on = first) =>
    on.app.get(LogWriter, { strict: false }).write(texts.map((text) => newLog(text)));
  const hold = async (description: string, on = first): Promise<OpenTransaction> => {
    let commit!: () => void;
    const told = new Promise<void>((resolve) => (commit = resolve));
    return new Promise((resolve, reject) => {
      const done = on.app.get(Database).transaction(async (manager) => {
        const id = await write(description, on, manager);
        resolve({ id, commit: () => (commit(), done) });
        await told;
      });
      done.catch(reject);
    });
  };

  it('begins with the time to reconnect, and gives what is written from now on, as the list gives it', async () => {
    await write('before');
    const reader = await open({ query: '' });
    expect(reader.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'request-id': expect.any(String),
    });
    const id = await write('after');
    await has(reader, ['after']);
    expect(reader.retry).toBe('2000');
    const one = await first.call('get', `/v1/logs/${id}`, { key }).expect(200);
    const message = reader.messages.find(({ id: told }) => told === id)!;
    expect([message.event, message.data]).toEqual(['message', one.text]);
    expect(texts(reader)).not.toContain('before');
  });

  it('gives the log of an event to readers of every process, and never another account’s or mode’s', async () => {
    const other = await first.makeAccount();
    const query = 'category=operation';
    const [here, there, theirs, live] = await Promise.all([
      open({ query }),
      open({ query, on: second }),
      open({ query, by: other.test.secretKey }),
      open({ query, by: account.live.secretKey, after: '0' }),
    ]);
    await publishNew(first, key, operationEvent('collect.pending', 'col_1'));
    await publishNew(first, other.test.secretKey, operationEvent('collect.pending', 'col_2'));
    for (const [reader, operation] of [
      [here, 'col_1'],
      [there, 'col_1'],
      [theirs, 'col_2'],
    ] as const) {
      await reader.until(() => reader.events.length > 0);
      expect(reader.events.map((log) => log.operation_id)).toEqual([operation]);
    }
    expect(live.events).toEqual([]);
  });

  describe('with writers that commit in another order than their ids', () => {
    it('gives each log once, when it is committed', async () => {
      const streams = [await open(), await open({ on: second })];
      const [slow, slower] = [await hold('slow'), await hold('slower', second)];
      const quick = await write('quick', second);
      expect(slow.id < quick && slower.id < quick).toBe(true);
      for (const reader of streams) await has(reader, ['quick']);
      await slower.commit();
      for (const reader of streams) await has(reader, ['slower']);
      await write('quick again');
      for (const reader of streams) await has(reader, ['quick again']);
      await slow.commit();
      await write('last');
      for (const reader of streams) {
        await has(reader, ['slow', 'last']);
        expect(texts(reader).filter((text) => text !== 'last' && text !== 'slow')).toEqual([
          'quick',
          'slower',
          'quick again',
        ]);
        expect(texts(reader)).toHaveLength(5);
      }
    });

    it('misses nothing that is committed while a reader is away, and that has an older id than the last it got', async () => {
      const reader = await open();
      const slow = await hold('slow', second);
      await write('quick');
      await has(reader, ['quick']);
      reader.leave();
      await slow.commit();
      await write('later');
      const again = await open({ after: reader.lastId, on: second });
      await has(again, ['slow', 'later']);
    });

    it('misses nothing that is committed while the past is read, and sends none of it twice', async () => {
      await writeMany(range(250).map((n) => `past ${n}`));
      const slow = await hold('slow');
      await writeMany(range(450).map((n) => `more ${n}`));
      const repository = first.app.get(LogStreamRepository);
      const read = repository.read.bind(repository);
      let pages = 0;
      const spy = jest.spyOn(repository, 'read').mockImplementation(async (reads) => {
        const result = await read(reads);
        // The page that `slow` would have been in has been read.
        if ((pages += 1) === 3) {
          await slow.commit();
          await write('meanwhile');
        }
        return result;
      });
      const reader = await open({ after: '0' });
      await has(reader, ['slow', 'meanwhile', 'past 250', 'more 450']);
      spy.mockRestore();
      await write('last');
      await has(reader, ['last']);
      expect(pages).toBeGreaterThan(3);
      expect([...texts(reader)].sort()).toEqual([...new Set(texts(reader))].sort());
      expect(texts(reader)).toHaveLength(250 + 450 + 3);
    });

    it('over two processes, many at once and readers that come and go: everything arrives', async () => {
      const expected = range(20).flatMap((number) => range(10).map((n) => `w${number} ${n}`));
      const steady = [await open(), await open({ on: second })];
      /** Leaves whenever it has got ten more, and comes back with the last id, until it has got all. */
      const roam = async (on: Service): Promise<void> => {
        const got = new Set<string>();
        for (let after = '0'; got.size < expected.length;) {
          const reader = await open({ on, after });
          const isNew = (text: string) => !got.has(text);
          const wanted = Math.min(10, expected.length - got.size);
          await reader.until(() => texts(reader).filter(isNew).length >= wanted);
          for (const text of texts(reader)) got.add(text);
          after = reader.lastId;
          reader.leave();
        }
        expect([...got].sort()).toEqual([...expected].sort());
      };
      const writer = async (number: number): Promise<void> => {
        const on = number % 2 ? first : second;
        let held: OpenTransaction | null = null;
        for (const n of range(10)) {
          const text = `w${number} ${n}`;
          if ((number + n) % 3 === 0) {
            held = await hold(text, on);
            continue;
          }
          await write(text, on);
          if (held === null) continue;
          // A stream is past its id by now.
          await has(steady[number % 2]!, [text]);
          await held.commit();
          held = null;
        }
        await held?.commit();
      };
      await Promise.all([...range(20).map(writer), roam(first), roam(second)]);
      for (const reader of steady) {
        await has(reader, expected);
        expect(texts(reader)).toHaveLength(expected.length);
      }
    }, 60_000);
  });

  describe('resuming', () => {
    it('gives all that is kept for 0, in many pages, and then what comes', async () => {
      await writeMany(range(900).map((n) => `past ${n}`));
      const reader = await open({ after: '0' });
      await has(reader, ['past 900']);
      expect(texts(reader)).toEqual(range(900).map((n) => `past ${n}`));
      await write('now');
      await has(reader, ['now']);
    });

    it('gives more at once than a page holds', async () => {
      const reader = await open();
      await reader.until(() => reader.lastId !== '');
      await writeMany(range(950).map((n) => `burst ${n}`));
      await has(reader, ['burst 950']);
      expect(texts(reader)).toEqual(range(950).map((n) => `burst ${n}`));
    });

    it('begins now for an id ahead of now, is 410 before the retention, and 422 for what is no log’s id', async () => {
      await write('before');
      const reader = await open({ after: encodeId('log', newUuid(Date.now() + DAY_MS)) });
      await write('after');
      await has(reader, ['after']);
      expect(texts(reader)).toEqual(['after']);
      const outcome = (id: string) => first.outcome('get', STREAM, { key, headers: { 'last-event-id': id } });
      expect(await outcome(encodeId('log', newUuid(Date.now() - 402 * DAY_MS)))).toBe('410 expired');
      for (const id of ['', '1', '-1', '00', 'log_', 'abc', encodeId('evt', newUuid(0))]) {
        expect(await outcome(id)).toBe('422 invalid_input');
      }
    });

    it('tells where it stands at once, so that a reader who got nothing yet can come back without a loss', async () => {
      const reader = await open({ query: 'action=other' });
      await reader.until(() => reader.lastId !== '');
      reader.leave();
      await write('while away');
      const again = await open({ after: reader.lastId });
      await has(again, ['while away']);
    });
  });

  it('has the filters of the list, for logs that come and for those of the past', async () => {
    const [endpointId, eventId, apiKeyId] = range(3).map((n) => newUuid(Date.now(), n));
    const queries = [
      'status=failed',
      'status=failed&status=info',
      'category=webhook',
      'action=b',
      'operation_id=col_1',
      'q=ECHOUE+inv',
      'occurred_before=2026-01-01T00:00:00Z',
      'occurred_after=2026-01-01T00:00:00Z&request_id=req_1',
      `endpoint_id=${encodeId('we', endpointId!)}`,
      `event_id=${encodeId('evt', eventId!)}&api_key_id=${encodeId('key', apiKeyId!)}`,
    ];
    const live = await Promise.all(queries.map((query) => open({ query })));
    const logs: Partial<NewLog>[] = [
      { status: 'failed', operationId: 'col_1' },
      { category: 'webhook', endpointId },
      { action: 'b', requestId: 'req_1' },
      { description: 'Encaissement INV-1 échoué' },
      { occurredAt: new Date('2025-06-01T00:00:00Z') },
      { eventId, apiKeyId },
      { eventId },
    ];
    await first.app.get(LogWriter, { strict: false }).write(logs.map((log, n) => newLog(`log ${n}`, log)));
    const end = await open();
    await write('end');
    await has(end, ['end']);
    for (const [index, query] of queries.entries()) {
      const { body } = await first.call('get', `/v1/logs?${query}&limit=100`, { key }).expect(200);
      const expected = (body.data as { id: string }[]).map(({ id }) => id).reverse();
      const past = await open({ query, after: '0' });
      for (const reader of [live[index]!, past]) {
        await reader.until(() => reader.events.length >= expected.length);
        expect({ query, ids: reader.events.map(({ id }) => id) }).toEqual({ query, ids: expected });
      }
    }
    expect(await first.outcome('get', `${STREAM}?limit=5`, { key })).toBe('422 invalid_input');
    expect(await first.outcome('get', `${STREAM}?q=%21`, { key })).toBe('422 invalid_input');
  });

  it('costs one read for all streams of a process, however many there are', async () => {
    const repository = first.app.get(LogStreamRepository);
    const streams = await Promise.all(range(40).map(() => open()));
    await write('joined');
    for (const reader of streams) await has(reader, ['joined']);
    const read = repository.read.bind(repository);
    const sizes: number[] = [];
    const spy = jest.spyOn(repository, 'read').mockImplementation((reads) => {
      sizes.push(reads.length);
      return read(reads);
    });
    await write('once');
    for (const reader of streams) await has(reader, ['once']);
    spy.mockRestore();
    expect(new Set(sizes)).toEqual(new Set([1]));
    // Looks of one second at most: not one for each of the streams.
    expect(sizes.length).toBeLessThan(15);
  });
});
