import { decodeId, encodeId, newUuid, uuidTime } from '../src/common/ids.js';
import { type ReadingAccount, ReadingApp } from './support/reading-app.js';

interface Entry {
  readonly id: string;
  readonly object: string;
  readonly created_at: string;
  readonly [field: string]: unknown;
}

const PATH = '/v1/operations/col_1/timeline';
const collect = (status: string, id = 'col_1') => ({ type: `collect.${status}`, operation: { id } });

describe('the timeline of an operation', () => {
  let app: ReadingApp;
  let account: ReadingAccount;
  let key: string;
  beforeAll(async () => {
    app = await ReadingApp.start();
  });
  beforeEach(async () => {
    account = await app.makeAccount();
    key = account.testKey;
  });
  afterAll(() => app.stop());

  const page = async (query: object = {}): Promise<{ data: Entry[]; has_more: boolean }> =>
    (await app.get(PATH, key, query).expect(200)).body as { data: Entry[]; has_more: boolean };
  const whole = async (): Promise<Entry[]> => (await page({ limit: 100 })).data;
  const orderOf = (entries: readonly Entry[]): string[] => entries.map((entry) => `${entry.created_at} ${entry.id}`);
  /** From here on the account's events have the time of the first moment of a month, `ahead` months from now. */
  const moveToMonth = async (ahead: number): Promise<void> => {
    const now = new Date();
    const firstMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead);
    await app.dataSource.query('UPDATE signalpost.ledgers SET last_event_ms = $2 WHERE account_id = $1', [
      decodeId('acct', account.id),
      firstMs - 1,
    ]);
  };

  it('is read forward without a gap or a repeat while the operation goes on', async () => {
    await app.makeEndpoint(key);
    await app.publish(key, collect('pending'));
    const read: Entry[] = [];
    for (let round = 0; ; round++) {
      const { data, has_more: hasMore } = await page({
        limit: 2,
        ...(read.length > 0 && { starting_after: read.at(-1)!.id }),
      });
      read.push(...data);
      if (round < 4) await app.publish(key, collect(round % 2 ? 'pending' : 'failed'));
      else if (!hasMore) break;
    }
    expect(read).toEqual(await whole());
    // Five events, each with its log and its delivery.
    expect(read).toHaveLength(15);
    expect(orderOf(read)).toEqual(orderOf(read).sort());
    expect((await page({ starting_after: read.at(-1)!.id })).data).toEqual([]);
  });

  it('is read backward from any entry, the nearest page first, whatever came meanwhile', async () => {
    await app.makeEndpoint(key);
    for (const status of ['pending', 'failed', 'succeeded']) await app.publish(key, collect(status));
    const before = await whole();
    const read: Entry[] = [before.at(-1)!];
    for (let hasMore = true; hasMore;) {
      await app.publish(key, collect('failed'));
      const { data, has_more: more } = await page({ limit: 2, ending_before: read[0]!.id });
      // Each page is oldest first too.
      expect(orderOf(data)).toEqual(orderOf(data).sort());
      read.unshift(...data);
      hasMore = more;
    }
    expect(read).toEqual(before);
  });

  it('stands in one order across months, with the entries of one millisecond together', async () => {
    await app.makeEndpoint(key);
    const first = await app.publish(key, collect('pending'));
    await moveToMonth(1);
    const second = await app.publish(key, collect('failed'));
    await moveToMonth(2);
    const third = await app.publish(key, collect('succeeded'));
    const partitions: { name: string }[] = await app.dataSource.query(
      `SELECT DISTINCT tableoid::regclass::text AS name FROM signalpost.events WHERE account_id = $1`,
      [decodeId('acct', account.id)],
    );
    expect(partitions).toHaveLength(3);

    const entries = await whole();
    expect(entries.map(({ object }) => object)).toEqual(
      Array.from({ length: 3 }, () => ['delivery', 'event', 'log']).flat(),
    );
    expect(entries.filter(({ object }) => object === 'event').map(({ id }) => id)).toEqual(
      [first, second, third].map(({ id }) => id),
    );
    expect(orderOf(entries)).toEqual(orderOf(entries).sort());
    // From each place in it, in both directions, over the months' bounds.
    for (const [index, { id }] of entries.entries()) {
      expect((await page({ limit: 4, starting_after: id })).data).toEqual(entries.slice(index + 1, index + 5));
      expect((await page({ limit: 4, ending_before: id })).data).toEqual(entries.slice(Math.max(0, index - 4), index));
    }
  });

  it('takes a place that no entry has, and holds nothing of another operation, account or mode', async () => {
    const first = await app.publish(key, collect('pending'));
    await app.publish(key, collect('pending', 'col_2'));
    await app.publish(account.liveKey, collect('pending'));
    const { testKey: other } = await app.makeAccount();
    await app.publish(other, collect('pending'));
    const entries = await whole();
    expect(entries.map(({ object }) => object)).toEqual(['event', 'log']);
    const past = encodeId('evt', newUuid(uuidTime(decodeId('evt', first.id)) - 60_000));
    expect((await page({ starting_after: past })).data).toEqual(entries);
    expect((await page({ ending_before: past })).data).toEqual([]);
  });

  it('refuses two cursors, one of another kind, and wrong limits, naming each', async () => {
    const { id } = await app.publish(key, collect('pending'));
    for (const [query, field] of [
      [{ starting_after: id, ending_before: id }, 'ending_before'],
      [{ starting_after: 'col_1' }, 'starting_after'],
      [{ ending_before: encodeId('we', newUuid(Date.now())) }, 'ending_before'],
      [{ limit: 101 }, 'limit'],
      [{ kind: 'collect' }, 'kind'],
    ] as const) {
      const { body } = await app.get(PATH, key, query).expect(422);
      expect((body.errors as { field: string }[])[0]!.field).toBe(field);
    }
  });
});
