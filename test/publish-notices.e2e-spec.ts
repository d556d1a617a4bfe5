import { randomUUID } from 'node:crypto';
import { jest } from '@jest/globals';
import type { Tenant } from '../src/auth/caller.js';
import { Database } from '../src/database/database.js';
import { Listener } from '../src/database/listener.js';
import { PUBLISH_CHANNEL, tenantKeysIn } from '../src/database/publish-notice.js';
import { Inbox } from '../src/events/inbox.js';
import { PublishNotices } from '../src/events/publish-notices.js';
import { decodeId } from '../src/common/ids.js';
import { Service, until } from './support/service.js';

/** What other processes hear of publishes. */
describe('a notice of a publish', () => {
  let service: Service;
  let notices: PublishNotices;
  /** The accounts and modes of each notice heard, sorted. */
  let heard: string[][];
  let stopHearing: () => void;
  beforeAll(async () => {
    service = await Service.start();
    notices = service.app.get(PublishNotices);
  });
  beforeEach(() => {
    heard = [];
    stopHearing = service.app.get(Listener).on(PUBLISH_CHANNEL, (notice) => {
      heard.push([...(tenantKeysIn(notice) ?? [])].sort());
    });
  });
  afterEach(() => stopHearing());
  afterAll(() => service.stop());

  const tenants = (count: number): Tenant[] =>
    Array.from({ length: count }, () => ({ accountId: randomUUID(), mode: 'live' }));
  const named = (all: readonly Tenant[]): string[] => all.map(({ accountId }) => `${accountId} live`).sort();
  const notice = (nth: number) => until(() => Promise.resolve(heard.length >= nth));

  it('names each account once, and those of all that was committed at the same time together', async () => {
    const [one, other] = [tenants(2), tenants(1)];
    notices.tell(one);
    notices.tell([...other, ...one]);
    await notice(1);
    expect(heard).toEqual([named([...one, ...other])]);
  });

  it('names as many accounts as PostgreSQL takes in a notice, and above that none, which stands for all', async () => {
    const hundred = tenants(100);
    notices.tell(hundred);
    await notice(1);
    notices.tell(tenants(101));
    await notice(2);
    expect(heard).toEqual([named(hundred), []]);
  });

  it('is not sent for nothing', async () => {
    notices.tell([]);
    const one = tenants(1);
    notices.tell(one);
    await notice(1);
    expect(heard).toEqual([named(one)]);
  });

  it('that could not be sent goes with the next one', async () => {
    const [lost, next] = [tenants(1), tenants(1)];
    const failed = new Promise<void>((resolve) => {
      const rows = jest.spyOn(service.app.get(Database), 'rows').mockImplementation(({ name }) => {
        if (name !== 'publish_notify') return Promise.resolve([]);
        rows.mockRestore();
        resolve();
        return Promise.reject(new Error('no connection'));
      });
    });
    notices.tell(lost);
    await failed;
    await notices.onApplicationShutdown();
    notices.tell(next);
    await notice(1);
    expect(heard).toEqual([named([...lost, ...next])]);
  });

  it('tells also of what came by the inbox, once', async () => {
    const account = await service.makeAccount();
    const accountId = decodeId('acct', account.id);
    await service.dataSource.query(
      `INSERT INTO signalpost.event_inbox (account_id, mode, source, input) VALUES ($1, 'live', 'system', $2)`,
      [accountId, JSON.stringify({ type: 'delivery.exhausted', data: {} })],
    );
    await service.app.get(Inbox).tick();
    const ofAccount = () => heard.filter((names) => names.includes(`${accountId} live`));
    await until(() => Promise.resolve(ofAccount().length > 0));
    const after = tenants(1);
    notices.tell(after);
    await until(() => Promise.resolve(heard.some((names) => names.includes(named(after)[0]!))));
    expect(ofAccount()).toHaveLength(1);
  });
});
