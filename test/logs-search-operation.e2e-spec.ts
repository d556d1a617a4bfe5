import { decodeId, encodeId } from '../src/common/ids.js';
import { LogsRepository } from '../src/logs/logs.repository.js';
import { toLogFilters } from '../src/logs/log-filters.js';
import { type MadeAccount, Service } from './support/service.js';

/** More than one step of a search looks at. */
const LOGS = 45_000;

describe('logs of an operation that has very many', () => {
  let service: Service;
  let account: MadeAccount;
  /** Oldest first. */
  let rare: string[];
  beforeAll(async () => {
    service = await Service.start();
    account = await service.makeAccount();
    const rows: { id: string }[] = await service.dataSource.query(
      `INSERT INTO signalpost.logs (account_id, mode, id, category, action, status, description, search, operation_id,
         actor_type, occurred_at)
       SELECT $1, 'test', (lpad(to_hex($2::bigint + n), 12, '0') || '7' || left(md5(n::text), 3) || '8' || substr(md5(n::text), 4, 15))::uuid,
         'operation', 'note', 'info', 'Row ' || n, ' row ' || n || CASE WHEN n % 1000 = 7 AND n < 5000 THEN ' rare' ELSE '' END,
         CASE WHEN n % 2 = 0 THEN 'even' ELSE 'odd' END, 'system', to_timestamp(($2::bigint + n) / 1000.0)
       FROM generate_series(0, 2 * $3::integer - 1) AS n RETURNING id, search`,
      [decodeId('acct', account.id), Date.now() - 3_600_000, LOGS],
    );
    rare = rows
      .filter((row) => (row as unknown as { search: string }).search.endsWith(' rare'))
      .map(({ id }) => encodeId('log', id))
      .sort();
    await service.dataSource.query('VACUUM ANALYZE signalpost.logs');
  });
  afterAll(() => service.stop());

  const found = async (query: object): Promise<string[]> => {
    const { body } = await service.call('get', '/v1/logs', { key: account.test.secretKey, query }).expect(200);
    return (body.data as { id: string }[]).map(({ id }) => id);
  };

  it('are found by a word that only the oldest have, both ways, and beside another operation', async () => {
    expect(rare).toHaveLength(5);
    const newestFirst = [...rare].reverse();
    expect(await found({ operation_id: 'odd', q: 'rare' })).toEqual(newestFirst);
    expect(await found({ operation_id: ['even', 'odd'], q: 'rare', limit: 3 })).toEqual(newestFirst.slice(0, 3));
    expect(await found({ operation_id: 'odd', q: 'rare', ending_before: rare[0]! })).toEqual(newestFirst.slice(0, -1));
    expect(await found({ operation_id: 'even', q: 'rare' })).toEqual([]);
    expect(await found({ operation_id: 'odd', status: 'failed' })).toEqual([]);
  });

  it('are looked at in steps, after some of which a search gives up', async () => {
    const repository = service.app.get(LogsRepository, { strict: false });
    const filters = toLogFilters({ operation_id: ['odd'], q: 'absent' }, 0);
    const scope = { accountId: decodeId('acct', account.id), mode: 'test' as const };
    const page = { count: 20, upwards: false };
    await expect(repository.list(scope, filters, { ...page, maxSteps: 2 })).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect(await repository.list(scope, filters, { ...page, maxSteps: 3 })).toEqual([]);
  });
});
