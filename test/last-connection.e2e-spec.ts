import type { PoolClient } from 'pg';
import { decodeId } from '../src/common/ids.js';
import type { AppConfig } from '../src/config/app-config.js';
import { Database } from '../src/database/database.js';
import { Inbox } from '../src/events/inbox.js';
import { type MadeAccount, Service, until } from './support/service.js';

/** Whoever holds a connection and waits for another waits for ever once all do so. */
describe('a process with one connection left', () => {
  let config: AppConfig;
  let account: MadeAccount;
  /** Remembers nothing of the account yet. */
  let narrow: Service;
  let taken: PoolClient[];
  beforeAll(async () => {
    const service = await Service.start();
    account = await service.makeAccount();
    config = service.config;
    await service.stop();
  });
  beforeEach(async () => {
    narrow = await Service.start({ config: { ...config, databasePoolSize: 4 } });
    const { pool } = narrow.app.get(Database);
    taken = await Promise.all([1, 2, 3].map(() => pool.connect()));
  });
  afterEach(async () => {
    taken.forEach((client) => client.release());
    await narrow.stop();
  });

  it('changes an account', async () => {
    await narrow.call('patch', `/v1/admin/accounts/${account.id}`, { body: { name: 'Salon' } }).expect(200);
  });

  it('publishes what the inbox has, and tells of what is refused', async () => {
    const inputs = [
      { type: 'delivery.exhausted', data: {} },
      { type: 'delivery.exhausted', unknown: true },
    ];
    const accountId = decodeId('acct', account.id);
    await narrow.dataSource.query(
      `INSERT INTO signalpost.event_inbox (account_id, mode, source, input)
       SELECT $1, 'test', 'system', input::json FROM unnest($2::text[]) AS g (input)`,
      [accountId, inputs.map((input) => JSON.stringify(input))],
    );
    await narrow.app.get(Inbox).tick();
    await until(async () => {
      const left = await narrow.dataSource.query<{ is_refused: boolean }[]>(
        'SELECT error IS NOT NULL AS is_refused FROM signalpost.event_inbox WHERE account_id = $1',
        [accountId],
      );
      return left.length === 1 && left[0]!.is_refused;
    });
  });
});
