import { jest } from '@jest/globals';
import { Clock } from '../src/common/clock.js';
import { EventsQueryRepository } from '../src/events/events-query.repository.js';
import { EventStreamRepository, type LedgerEvents } from '../src/events/stream/event-stream.repository.js';
import { publishBatch, publishNew } from './support/publishing.js';
import { has, pending, range, STREAM, StreamFixture } from './support/stream-fixture.js';

const DAY_MS = 86_400_000;

describe('a reader of events who comes back', () => {
  const stream = StreamFixture.install();

  describe('resuming', () => {
    it('misses and repeats nothing after N while two processes publish', async () => {
      await stream.publishMany('early', 30);
      const publishing = Promise.all([
        stream.publishMany('first', 40),
        stream.publishMany('second', 40, stream.second),
      ]);
      const streams = await Promise.all([
        stream.open({ after: 10 }),
        stream.open({ after: 29, on: stream.second }),
        stream.open({ after: 0 }),
        stream.open({ after: 30 }),
      ]);
      await publishing;
      const firsts = [11, 30, 1, 31];
      for (const [index, reader] of streams.entries()) {
        await has(reader, 110 - firsts[index]! + 1);
        expect(reader.sequences).toEqual(range(firsts[index]!, 110));
      }
    });

    it('reads a long past in pages, joins the others without a gap, and goes on with what comes', async () => {
      await Promise.all(
        range(1, 3).map((batch) =>
          publishBatch(
            stream.first,
            stream.key,
            range(1, 300).map((n) => pending(`past_${batch}_${n}`)),
          ),
        ),
      );
      await stream.open();
      const reader = await stream.open({ after: 0 });
      await stream.publishMany('more', 5);
      await has(reader, 905);
      expect(reader.sequences).toEqual(range(1, 905));
    });

    describe('where little passes its filters', () => {
      const MANY = 900;
      const isRare = (n: number): boolean => n % 150 === 0;
      const rare = range(1, MANY).filter(isRare);

      async function publishPast(): Promise<void> {
        for (const first of [1, 301, 601]) {
          const numbers = range(first, first + 299);
          const events = numbers.map((n) =>
            pending(`past_${n}`, isRare(n) ? { operation: { reference: 'RARE' } } : {}),
          );
          await publishBatch(stream.first, stream.key, events);
        }
      }

      it('reads by their indexes, in order, without going through the rest, and goes on with what comes', async () => {
        await publishPast();
        await stream.open();
        const all = jest.spyOn(stream.first.app.get(EventStreamRepository), 'readAfter');
        try {
          const reader = await stream.open({ after: 0, query: '?reference=RARE' });
          const none = await stream.open({ after: 0, query: '?reference=NONE' });
          await has(reader, rare.length);
          await none.until(() => none.lastId === String(MANY));
          await publishBatch(stream.first, stream.key, [pending('new_1', { operation: { reference: 'RARE' } })]);
          await publishBatch(stream.first, stream.key, [pending('new_2', { operation: { reference: 'NONE' } })]);
          await has(reader, rare.length + 1);
          await has(none, 1);
          expect(reader.sequences).toEqual([...rare, MANY + 1]);
          expect(none.sequences).toEqual([MANY + 2]);
          const read = await Promise.all(all.mock.results.map(({ value }) => value as Promise<LedgerEvents[]>));
          const count = read.flat().reduce((sum, { events }) => sum + events.length, 0);
          // A page of each stream before it is known how little passes, and what was new.
          expect(count).toBeLessThan(2 * 200 + 10);
        } finally {
          all.mockRestore();
        }
      });

      it('goes on from where a read came to that was given up after a few steps', async () => {
        await publishPast();
        const lists = stream.first.app.get(EventsQueryRepository);
        const readOn = lists.readOn.bind(lists);
        const spy = jest.spyOn(lists, 'readOn').mockImplementationOnce(async (tenant, filters, { from, until }) => {
          const asked = 'SELECT id FROM signalpost.events WHERE account_id = $1 AND mode = $2 AND sequence = 400';
          const [event] = await stream.first.dataSource.query<{ id: string }[]>(asked, [tenant.accountId, tenant.mode]);
          const { rows } = await readOn(tenant, filters, { from, until: event!.id }, 16);
          return { rows, beyond: { from: event!.id, until } };
        });
        const reader = await stream.open({ after: 0, query: '?reference=RARE' });
        await has(reader, rare.length);
        expect(reader.sequences).toEqual(rare);
        expect(spy.mock.calls.length).toBeGreaterThan(1);
        await reader.until(() => reader.lastId === String(MANY));
      });
    });

    it('gives at once what is published while it begins', async () => {
      const repository = stream.first.app.get(EventStreamRepository);
      const readEnds = repository.readEnds.bind(repository);
      jest.spyOn(repository, 'readEnds').mockImplementationOnce(async (...asked) => {
        const ends = await readEnds(...asked);
        await publishNew(stream.first, stream.key, pending('col_between'));
        return ends;
      });
      const reader = await stream.open();
      await has(reader, 1);
      expect(reader.sequences).toEqual([1]);
    }, 5_000);

    it('reads for itself what the tail should have given and did not', async () => {
      const [lost, other] = [await stream.open(), await stream.open()];
      const repository = stream.first.app.get(EventStreamRepository);
      const readAfter = repository.readAfter.bind(repository);
      const spy = jest.spyOn(repository, 'readAfter').mockImplementation(async (ledgers) => {
        const read = await readAfter(ledgers);
        if (read[0]!.events.length < 2) return read;
        spy.mockRestore();
        return [{ ...read[0]!, events: read[0]!.events.slice(1) }];
      });
      await publishBatch(stream.first, stream.key, [pending('col_1'), pending('col_2'), pending('col_3')]);
      for (const reader of [lost, other]) {
        await has(reader, 3);
        expect(reader.sequences).toEqual([1, 2, 3]);
      }
      await stream.publishMany('later', 2);
      await has(lost, 5);
      expect(lost.sequences).toEqual(range(1, 5));
    });

    it('ends before a gap in what is stored instead of hiding it', async () => {
      await stream.publishMany('gap', 5);
      await stream.first.dataSource.query('DELETE FROM signalpost.events WHERE sequence = 3 AND operation_id LIKE $1', [
        'gap_%',
      ]);
      const reader = await stream.open({ after: 0 });
      await reader.untilClosed();
      expect(reader.sequences).toEqual([1, 2]);
      expect(reader.ending?.code).toBe('internal');
    });

    it('begins with the oldest event that is kept for 0, and is 410 where events are gone', async () => {
      await stream.publishMany('old', 5);
      await stream.first.dataSource.query(
        'DELETE FROM signalpost.events WHERE sequence <= 3 AND operation_id LIKE $1',
        ['old_%'],
      );
      const reader = await stream.open({ after: 0 });
      await has(reader, 2);
      expect(reader.sequences).toEqual([4, 5]);
      for (const after of [1, 3]) {
        const call = stream.first.call('get', STREAM, { key: stream.key, headers: { 'last-event-id': String(after) } });
        expect((await call.expect(410)).body.code).toBe('expired');
      }
    });

    it('hides what is older than the retention though it is still there', async () => {
      await stream.publishMany('old', 2);
      const clock = jest.spyOn(stream.first.app.get(Clock), 'now').mockReturnValue(new Date(Date.now() + 401 * DAY_MS));
      try {
        const call = stream.first.call('get', STREAM, { key: stream.key, headers: { 'last-event-id': '1' } });
        expect((await call.expect(410)).body.code).toBe('expired');
        const reader = await stream.open({ after: 0 });
        await reader.until(() => reader.lastId !== '');
        expect(reader.lastId).toBe('2');
      } finally {
        clock.mockRestore();
      }
    });

    it('begins now when the id lies ahead of the newest event', async () => {
      await stream.publishMany('early', 2);
      const reader = await stream.open({ after: 1_000 });
      await stream.publishMany('later', 1);
      await has(reader, 1);
      expect(reader.sequences).toEqual([3]);
    });

    it('tells where it stands at once, so that a reader who got nothing yet can come back without a loss', async () => {
      await stream.publishMany('early', 3);
      const reader = await stream.open({ query: '?type=payment.failed' });
      await reader.until(() => reader.lastId !== '');
      expect(reader.lastId).toBe('3');
      expect(reader.messages).toEqual([]);
    });

    it.each(['-1', 'abc', '1.5', '', '1e3', '0x10', '99999999999999999', '1,2'])('refuses the id %p', async (id) => {
      const { body } = await stream.first
        .call('get', STREAM, { key: stream.key, headers: { 'last-event-id': id } })
        .expect(422);
      expect(body.errors).toMatchObject([{ field: 'Last-Event-ID', code: 'invalid_sequence' }]);
    });
  });
});
