import { decodeId } from '../src/common/ids.js';
import { Inbox } from '../src/events/inbox.js';
import { RequestLogger } from '../src/logs/request-logger.js';
import { operationEvent, publish, publishBatch, publishNew } from './support/publishing.js';
import { type MadeAccount, Service } from './support/service.js';

const PERSONAL = {
  operation: {
    customer: { name: 'Zebulon Quartzmann', email: 'zq.canary@example.test', phone: '+22999887766' },
    metadata: { order: 'canary-order' },
  },
  data: { note: 'canary-note' },
};
const CANARIES = /zebulon|quartzmann|zq\.canary|99887766|canary/i;

describe('logs hold nothing personal', () => {
  let service: Service;
  let account: MadeAccount;
  let key: string;
  beforeAll(async () => {
    service = await Service.start();
    account = await service.makeAccount({ locale: 'fr' });
    key = account.test.secretKey;
  });
  afterAll(() => service.stop());

  /** Every column of every log, of the platform's too, as text. */
  const written = async (): Promise<string[]> => {
    await service.app.get(RequestLogger, { strict: false }).runOnce();
    const rows: { text: string }[] = await service.dataSource.query('SELECT l::text AS text FROM signalpost.logs l');
    return rows.map(({ text }) => text);
  };
  const bySql = (type: string, input: object) =>
    service.dataSource.query('SELECT signalpost.publish_event($1, $2, $3, $4, $5)', [
      account.id,
      'test',
      type,
      JSON.stringify((input as { operation: object }).operation),
      JSON.stringify(PERSONAL.data),
    ]);

  it('whichever way an event comes, taken or refused, and through every request on its operation', async () => {
    const pending = operationEvent('collect.pending', 'col_1', PERSONAL);
    await publishNew(service, key, pending);
    await publishBatch(service, key, [
      operationEvent('collect.failed', 'col_1', PERSONAL),
      operationEvent('collect.pending', 'col_2', { ...PERSONAL, occurred_at: '2026-01-01T00:00:00Z' }),
      operationEvent('collect.lost', 'col_3', PERSONAL),
    ]);
    await publish(service, key, operationEvent('collect.pending', 'col_4', { ...PERSONAL, wrong: 'canary' })).expect(
      422,
    );
    await service.call('post', '/v1/admin/event-types', {
      body: { type: 'payout.sent', description: 'A payout left.', sample: { type: 'payout.sent', data: {} } },
    });
    await publishNew(service, key, { type: 'payout.sent', data: PERSONAL.data });
    await bySql('collect.pending', operationEvent('collect.pending', 'col_5', PERSONAL));
    await bySql('collect.lost', operationEvent('collect.lost', 'col_6', PERSONAL));
    await service.app.get(Inbox, { strict: false }).runOnce();
    for (const path of ['events', 'operations', 'logs']) {
      await service.call('get', `/v1/${path}?q=quartzmann`, { key });
      await service.call('get', `/v1/${path}?colour=canary`, { key }).expect(422);
    }
    const acting = { 'signalpost-account': account.id, 'signalpost-mode': 'test' };
    await service.call('post', '/v1/operations/col_1/erase', { headers: acting }).expect(200);

    const logs = await written();
    const accountId = decodeId('acct', account.id);
    const ofAccount = logs.filter((text) => text.includes(accountId));
    for (const operation of ['col_1', 'col_2', 'col_5']) {
      expect(ofAccount.some((text) => text.includes(operation))).toBe(true);
    }
    expect(ofAccount.some((text) => text.includes('request.refused'))).toBe(true);
    expect(logs.filter((text) => CANARIES.test(text))).toEqual([]);
    // The customer is found nevertheless: by the operation.
    const { body } = await service.call('get', '/v1/operations?q=quartzmann', { key }).expect(200);
    expect(body.data.map(({ id }: { id: string }) => id).sort()).toEqual(['col_2', 'col_5']);
  });
});
