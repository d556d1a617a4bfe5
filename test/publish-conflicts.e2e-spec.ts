import { decodeId } from '../src/common/ids.js';
import type { AcceptedEvent } from '../src/events/accepted-event.js';
import { IngestRepository } from '../src/events/ingest.repository.js';
import type { IngestSnapshot, PublishUnit } from '../src/events/ingest-snapshot.js';
import { publishArguments } from '../src/events/publish-arguments.js';
import { planPublish } from '../src/events/publish-plan.js';
import { snapshotRequest } from '../src/events/snapshot-request.js';
import { operationEvent, publishNew } from './support/publishing.js';
import { type MadeAccount, Service } from './support/service.js';

/** A flush is planned before its ledgers are locked: what it was planned from may have changed meanwhile. */
describe('a publish that meets a change', () => {
  let service: Service;
  let repository: IngestRepository;
  let accounts: MadeAccount[];
  beforeAll(async () => {
    service = await Service.start();
    repository = service.app.get(IngestRepository);
  });
  beforeEach(async () => {
    accounts = await Promise.all([service.makeAccount(), service.makeAccount(), service.makeAccount()]);
    // In the order in which their ledgers are locked.
    accounts.sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const account of accounts) await publish(account);
  });
  afterAll(() => service.stop());

  const publish = ({ test }: MadeAccount) =>
    publishNew(service, test.secretKey, operationEvent('payment.pending', 'pay_1'));

  /** The next report on the operation of each account. */
  const units = (): PublishUnit[] =>
    accounts.map(({ id }) => {
      const event: AcceptedEvent = {
        tenant: { accountId: decodeId('acct', id), mode: 'test' },
        locale: 'en',
        publisher: {
          source: 'platform',
          actor: { type: 'admin', id: null, name: null },
          ip: null,
          apiKeyId: null,
          requestId: null,
        },
        type: 'payment.succeeded',
        externalId: null,
        contentHash: null,
        occurredAtMs: null,
        operation: { id: 'pay_1', kind: 'payment', status: 'succeeded' },
        data: {},
      };
      return { isBatch: false, items: [event], idempotency: null };
    });

  const write = (snapshot: IngestSnapshot) => repository.publish(publishArguments(planPublish(units(), snapshot)));

  const ledgers = (): Promise<{ last_sequence: string; last_event_ms: string }[]> =>
    service.dataSource.query(
      `SELECT last_sequence, last_event_ms FROM signalpost.ledgers WHERE account_id = ANY ($1) AND mode = 'test'
       ORDER BY account_id`,
      [accounts.map(({ id }) => decodeId('acct', id))],
    );

  const sequences = async () => (await ledgers()).map(({ last_sequence }) => Number(last_sequence));

  it('is written where nothing has changed that matters', async () => {
    const snapshot = await repository.readSnapshot(snapshotRequest(units()));
    await publishNew(service, accounts[2]!.test.secretKey, operationEvent('payment.pending', 'pay_2'));
    expect((await write(snapshot))?.ledgers.map(([before]) => before)).toEqual([1, 1, 2]);
    expect(await sequences()).toEqual([2, 2, 3]);
  });

  it('takes no sequence of any account, though only the last one has changed', async () => {
    const snapshot = await repository.readSnapshot(snapshotRequest(units()));
    await publish(accounts[2]!);
    expect(await write(snapshot)).toBeNull();
    expect(await sequences()).toEqual([1, 1, 2]);
    await publish(accounts[0]!);
    expect(await sequences()).toEqual([2, 1, 2]);
  });

  it('leaves no trace when it is of a time that is yet to come', async () => {
    const snapshot = await repository.readSnapshot(snapshotRequest(units()));
    const before = await ledgers();
    expect(await write({ ...snapshot, nowMs: snapshot.nowMs + 3_600_000 })).toBeNull();
    expect(await ledgers()).toEqual(before);
  });
});
