import { jest } from '@jest/globals';
import { Database } from '../src/database/database.js';
import { Fleet } from './support/fleet.js';
import { publishNew } from './support/publishing.js';
import { proveCrowd } from './support/stream-crowd.js';
import { administer, has, pending, range, StreamFixture } from './support/stream-fixture.js';

describe('the one tail of a process', () => {
  const stream = StreamFixture.install();
  afterAll(() => Fleet.stopAll());

  it('reads once for all streams that keep up: forty of them cost what one costs, and none asks for itself', async () => {
    const database = stream.first.app.get(Database);
    const rows = jest.spyOn(database, 'rows');
    const readsFor = async (streams: number, prefix: string): Promise<number> => {
      const readers = await Promise.all(range(1, streams).map(() => stream.open()));
      await Promise.all(readers.map((reader) => reader.until(() => reader.lastId !== '')));
      rows.mockClear();
      for (const n of range(1, 10)) {
        // By the other process, and one by one, so that each could be a read of every stream.
        await publishNew(stream.second, stream.key, pending(`${prefix}_${n}`));
        await Promise.all(readers.map((reader) => has(reader, n)));
      }
      const names = rows.mock.calls.map(([{ name }]) => name);
      readers.forEach((reader) => reader.leave());
      return names.filter((name) => name.startsWith('event_stream.')).length;
    };
    const [one, forty] = [await readsFor(1, 'one'), await readsFor(40, 'forty')];
    rows.mockRestore();
    // A look that no notice caused, each 5 s, may fall in between.
    for (const reads of [one, forty]) {
      expect(reads).toBeGreaterThan(0);
      expect(reads).toBeLessThanOrEqual(12);
    }
  });

  it('gives 50 streams 500 events each without a gap while its connection for notices is cut', async () => {
    const streams = await Promise.all(
      range(1, 50).map((n) => stream.open({ on: n % 2 ? stream.first : stream.second })),
    );
    for (const part of range(1, 5)) {
      await Promise.all([
        stream.publishMany(`a${part}`, 50),
        stream.publishMany(`b${part}`, 50, stream.second),
        stream.cutListeners(),
      ]);
    }
    for (const reader of streams) {
      await has(reader, 500);
      expect(reader.sequences).toEqual(range(1, 500));
    }
  }, 30_000);

  it('gives 20 streams 500 events each without a gap while a process is killed and started again', async () => {
    const { kills, returns } = await proveCrowd({ processes: 2, streams: 20, events: 500, batch: 10, kills: 1 });
    expect(kills).toBe(1);
    expect(returns).toBeGreaterThanOrEqual(10);
  }, 60_000);

  it('gives events, and ends within 5 s of the revocation, while notices cannot be heard', async () => {
    const { id, key: by } = await stream.first.makeRestrictedKey(stream.key);
    const reader = await stream.open({ by, on: stream.second });
    // Connections that exist go on; none can be made, so the one for notices stays lost. Both processes get some that
    // their scheduled work does not need.
    const spare = [stream.first, stream.second].flatMap(({ dataSource }) =>
      range(1, 6).map(() => dataSource.query('SELECT 1')),
    );
    await Promise.all(spare);
    const allow = (isAllowed: boolean) =>
      administer((client, database) => client.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS ${isAllowed}`));
    await allow(false);
    try {
      await stream.cutListeners();
      await publishNew(stream.first, stream.key, pending('col_deaf'));
      await reader.until(() => reader.events.some(({ type }) => type === 'collect.pending'));
      await stream.first.call('delete', `/v1/api-keys/${id}`, { key: stream.key }).expect(200);
      const revokedAt = Date.now();
      await reader.untilClosed();
      expect(reader.ending?.code).toBe('api_key_revoked');
      expect(Date.now() - revokedAt).toBeLessThan(5_000);
    } finally {
      await allow(true);
    }
  });
});
