import { jest } from '@jest/globals';
import { decodeId, firstUuidAt } from '../src/common/ids.js';
import { IngestRepository } from '../src/events/ingest.repository.js';
import { RetentionJob } from '../src/events/retention/retention-job.js';
import { FakeDns } from './support/fake-dns.js';
import { operationEvent, publish, publishBatch, publishNew } from './support/publishing.js';
import { type MadeAccount, Service } from './support/service.js';

const DAY_MS = 86_400_000;
const RETENTION_DAYS = 30;

const RECOUNT = `
  SELECT date_trunc('hour', created_at, 'UTC') AS start, kind, status, coalesce(currency, '') AS currency,
         count(*)::integer AS count, coalesce(sum(amount), 0)::text AS amount
  FROM signalpost.operations WHERE account_id = $1 AND mode = 'test' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`;
const SUMS = `
  SELECT starts_at AS start, kind, status, currency, count::integer, amount::text
  FROM signalpost.operation_stats WHERE account_id = $1 AND mode = 'test' AND period = 'hour' ORDER BY 1, 2, 3, 4`;

describe('retention', () => {
  let service: Service;
  let job: RetentionJob;
  let account: MadeAccount;
  let key: string;
  beforeAll(async () => {
    service = await Service.start({ environment: { RETENTION_DAYS: String(RETENTION_DAYS) } });
    job = service.app.get(RetentionJob, { strict: false });
  });
  beforeEach(async () => {
    account = await service.makeAccount();
    key = account.test.secretKey;
  });
  afterAll(() => service.stop());

  const ago = (days: number): Date => new Date(Date.now() - days * DAY_MS);
  /** When what is almost past the retention now is past it. */
  const later = (): Date => ago(-2);
  const accountId = (): string => decodeId('acct', account.id);
  const query = <R>(sql: string): Promise<R[]> => service.dataSource.query(sql, [accountId()]);
  /** As if the last event of the operations had come then. */
  const age = async (days: number, ids: readonly string[]): Promise<void> => {
    await service.dataSource.query(
      `UPDATE signalpost.operations SET last_event_id = $2 WHERE account_id = $1 AND id = ANY ($3)`,
      [accountId(), firstUuidAt(ago(days).getTime()), ids],
    );
  };
  const publishOld = (id: string, days: number) =>
    publishNew(service, key, operationEvent('payment.pending', id, { occurred_at: ago(days).toISOString() }));

  it('takes operations whose last event is older, with their sums, and leaves the others, once', async () => {
    const ids = Array.from({ length: 450 }, (_, n) => `pay_${n}`);
    const occurred_at = ago(29.9).toISOString();
    await publishBatch(
      service,
      key,
      ids.map((id) => operationEvent('payment.pending', id, { occurred_at })),
    );
    await publishBatch(
      service,
      key,
      ids.slice(0, 20).map((id) => operationEvent('payment.succeeded', id)),
    );
    await publishOld('long_lived', 29.9);
    await age(29.9, ids.slice(10));
    await age(27, ['long_lived']);

    const counts = await job.runOnce(later());
    expect(counts.operations).toBe(440);
    const left = await query<{ id: string }>(`SELECT id FROM signalpost.operations WHERE account_id = $1 ORDER BY id`);
    expect(left.map(({ id }) => id)).toEqual(['long_lived', ...ids.slice(0, 10)]);
    // Emptied rows of that time are gone too.
    expect(await query(SUMS)).toEqual(await query(RECOUNT));
    const { body } = await service.call('get', '/v1/stats/operations', { key }).expect(200);
    const told = (body as { data: { status: string; count: number; amount: string }[] }).data;
    expect(told.map(({ status, count, amount }) => [status, count, amount]).sort()).toEqual([
      ['pending', 1, '1000'],
      ['succeeded', 10, '10000'],
    ]);
    expect(await job.runOnce(later())).toEqual({ operations: 0, externalIds: 0, emptyStats: 0, recoveries: 0 });
  });

  it("takes producers' ids of events that are older, which may then be used again", async () => {
    const external = (id: string) => ({ ...operationEvent('payment.pending', 'pay_1'), external_id: id });
    const [old, kept] = await Promise.all(['old', 'kept'].map((id) => publishNew(service, key, external(id))));
    const made = (days: number, id: string) =>
      service.dataSource.query(
        `UPDATE signalpost.external_ids SET event_id = $3 WHERE account_id = $1 AND external_id = $2`,
        [accountId(), id, firstUuidAt(ago(days).getTime())],
      );
    await made(29.9, 'old');
    expect((await job.runOnce(later())).externalIds).toBe(1);
    expect((await publish(service, key, external('kept')).expect(200)).body.id).toBe(kept!.id);
    expect((await publish(service, key, external('old')).expect(201)).body.id).not.toBe(old!.id);
  });

  it('takes recoveries that ended earlier, and leaves those that run, however old they are', async () => {
    const endpoint = { url: 'https://shop.example/hook', event_types: ['*'] };
    new FakeDns().answerFor(service);
    const { body: made } = await service.call('post', '/v1/webhook-endpoints', { key, body: endpoint }).expect(201);
    const since = new Date().toISOString();
    const path = `/v1/webhook-endpoints/${made.id as string}/recover`;
    const ids: string[] = [];
    for (const days of [29.9, 27, null]) {
      const { body } = await service.call('post', path, { key, body: { since } }).expect(202);
      ids.unshift(body.id as string);
      await service.dataSource.query(
        `UPDATE signalpost.recoveries SET created_at = $3, ended_at = $4, status = $5 WHERE account_id = $1 AND id = $2`,
        [
          accountId(),
          decodeId('rec', body.id as string),
          ago(29.95),
          days === null ? null : ago(days),
          days === null ? 'running' : 'done',
        ],
      );
    }
    const shown = async () => {
      const { body } = await service.call('get', '/v1/recoveries', { key }).expect(200);
      return (body as { data: { id: string }[] }).data.map(({ id }) => id);
    };
    expect(await shown()).toEqual(ids);
    expect((await job.runOnce(later())).recoveries).toBe(1);
    expect(await shown()).toEqual(ids.slice(0, 2));
  });

  it('takes sums that became empty two days ago or earlier, and no others', async () => {
    for (const [id, days] of [
      ['pay_1', 3],
      ['pay_2', 0.1],
    ] as const) {
      await publishOld(id, days);
      await publishNew(service, key, operationEvent('payment.succeeded', id));
    }
    expect(await job.runOnce(new Date())).toMatchObject({ emptyStats: 2 });
    const rows = await query<{ status: string; count: number }>(SUMS);
    expect(rows.map(({ status, count }) => [status, count])).toEqual([
      ['succeeded', 1],
      ['pending', 0],
      ['succeeded', 1],
    ]);
  });

  it('leaves exact sums when an operation goes between the read and the write of its next event', async () => {
    await publishOld('pay_1', 29.9);
    await age(29.9, ['pay_1']);
    const repository = service.app.get(IngestRepository, { strict: false });
    const readSnapshot = repository.readSnapshot.bind(repository);
    let expired = 0;
    const spy = jest.spyOn(repository, 'readSnapshot').mockImplementation(async (request, manager) => {
      const snapshot = await readSnapshot(request, manager);
      // Under the ledger's lock it would wait.
      if (manager === undefined) expired += (await job.runOnce(later())).operations;
      return snapshot;
    });
    const event = await publishNew(service, key, operationEvent('payment.succeeded', 'pay_1'));
    spy.mockRestore();
    expect(expired).toBe(1);
    expect(event.operation).toMatchObject({ version: 1, previous_status: null });
    expect(await query(SUMS)).toEqual(await query(RECOUNT));
  });
});
