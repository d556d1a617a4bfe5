import { decodeId } from '../src/common/ids.js';
import { Inbox } from '../src/events/inbox.js';
import { operationEvent, publish, publishNew, type PublishedEvent, readAll } from './support/publishing.js';
import { type MadeAccount, Service, until } from './support/service.js';

interface InboxRow {
  readonly source?: 'system' | 'platform';
  readonly input: string;
}
interface ReadLog {
  readonly id: string;
  readonly action: string;
  readonly [field: string]: unknown;
}

describe('events that the database brings', () => {
  let service: Service;
  let second: Service;
  let account: MadeAccount;
  let key: string;
  beforeAll(async () => {
    service = await Service.start();
    second = await Service.start({ config: service.config });
  });
  beforeEach(async () => {
    account = await service.makeAccount();
    key = account.test.secretKey;
  });
  afterAll(async () => {
    await service.stop();
    await second.stop();
  });

  const insert = (rows: readonly InboxRow[]) =>
    service.dataSource.query(
      `INSERT INTO signalpost.event_inbox (account_id, mode, source, input)
       SELECT $1, 'test', source, input::json FROM unnest($2::text[], $3::text[]) AS g (source, input)`,
      [decodeId('acct', account.id), rows.map(({ source = 'system' }) => source), rows.map(({ input }) => input)],
    );
  const drain = () => Promise.all([service, second].map((each) => each.app.get(Inbox).runOnce()));
  const waiting = async (): Promise<{ error: { code: string } | null }[]> =>
    service.dataSource.query('SELECT error FROM signalpost.event_inbox WHERE account_id = $1 ORDER BY position', [
      decodeId('acct', account.id),
    ]);
  const isDrained = async () => (await waiting()).every(({ error }) => error !== null);
  const events = () => readAll<PublishedEvent>(service, '/v1/events', key);

  it('become events once each, in the sequence of the account, though two processes take them', async () => {
    const numbers = Array.from({ length: 60 }, (_, n) => n);
    for (const part of [numbers.slice(0, 30), numbers.slice(30)]) {
      await insert(part.map((n) => ({ input: JSON.stringify({ type: 'delivery.exhausted', data: { n } }) })));
      await Promise.all([drain(), drain(), publish(service, key, operationEvent('collect.pending', `col_${part[0]}`))]);
    }
    await until(isDrained);
    const told = await events();
    expect(told.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 62 }, (_, n) => n + 1));
    const system = told.filter(({ source }) => source === 'system');
    expect(system.map(({ data }) => (data as { n: number }).n)).toEqual(numbers);
    expect(system[0]).toMatchObject({ type: 'delivery.exhausted', operation: null, external_id: null });
    expect(await waiting()).toEqual([]);
  });

  it('come by themselves, without a call', async () => {
    await insert([{ input: '{"type":"api_key.revoked","data":{}}' }]);
    await until(async () => (await events()).length === 1);
  });

  it('stay with their error when they fail validation, and hold up none of the others', async () => {
    await publishNew(service, key, operationEvent('collect.pending', 'col_1', { external_id: 'led-1' }));
    await insert([
      { input: '{"type":"api_key.revoked","data":{"n":1}}' },
      { input: '{"type":"no.such"}' },
      { input: '{"type":"api_key.revoked","data":{"text":"\\u0000"}}' },
      { input: '{"type":"api_key.revoked","data":{"text":"\\ud800"}}' },
      { input: '{"type":"api_key.revoked","data":{"n":9007199254740993}}' },
      { input: '"text"' },
      { source: 'platform', input: '{"type":"api_key.revoked"}' },
      { source: 'platform', input: '{"type":"payment.failed","operation":{"id":"col_1"}}' },
      {
        source: 'platform',
        input: JSON.stringify(operationEvent('collect.pending', 'col_1', { external_id: 'led-1' })),
      },
      { source: 'platform', input: JSON.stringify(operationEvent('collect.failed', 'col_1')) },
    ]);
    await drain();
    await until(isDrained);
    expect((await waiting()).map(({ error }) => error!.code)).toEqual([
      ...Array.from({ length: 5 }, () => 'invalid_input'),
      ...['event_type_reserved', 'operation_conflict'],
    ]);
    expect((await events()).map(({ type, source }) => `${type} ${String(source)}`)).toEqual([
      'collect.pending account',
      'api_key.revoked system',
      'collect.failed platform',
    ]);
    await drain();
    expect(await events()).toHaveLength(3);
  });

  it('of regenerated keys stand in the record of the account', async () => {
    const { body } = await service.call('post', '/v1/api-keys/regenerate', { key }).expect(201);
    key = (body as { secret_key: { key: string } }).secret_key.key;
    await until(async () => (await events()).some(({ type }) => type === 'api_key.regenerated'));
    expect((await events()).find(({ type }) => type === 'api_key.regenerated')).toMatchObject({
      source: 'system',
      operation: null,
      data: { key_id: expect.stringMatching(/^key_/), key_preview: expect.any(String), actor: expect.any(Object) },
    });
  });
});

describe('the log of an event', () => {
  let service: Service;
  beforeAll(async () => {
    service = await Service.start();
  });
  afterAll(() => service.stop());
  const logsOf = async (key: string) =>
    (await readAll<ReadLog>(service, '/v1/logs', key)).filter(({ category }) => category === 'operation');

  it('is one for each event, in the language of the account, with who, what, when and by which request', async () => {
    const account = await service.makeAccount({ locale: 'fr' });
    const { secretKey: key, secretKeyId } = account.test;
    const occurredAt = new Date(Date.now() - 60_000).toISOString();
    const body = operationEvent('collect.failed', 'col_1', {
      occurred_at: occurredAt,
      external_id: 'led-1',
      operation: { amount: 2500, cause: { code: 'insufficient_funds', description: 'Solde insuffisant' } },
    });
    const headers = { 'request-id': 'publish-request-1' };
    const { body: event } = await service.call('post', '/v1/events', { key, body, headers }).expect(201);
    await service.call('post', '/v1/events', { key, body }).expect(200);
    await publish(service, key, { type: 'no.such' }).expect(422);

    const [log, ...others] = await logsOf(key);
    expect(others).toEqual([]);
    expect(log).toMatchObject({
      ...{ category: 'operation', action: 'collect.failed', status: 'failed', mode: 'test' },
      ...{ operation_id: 'col_1', event_id: (event as { id: string }).id, request_id: 'publish-request-1' },
      ...{ api_key_id: secretKeyId, occurred_at: occurredAt, created_at: (event as PublishedEvent).created_at },
      actor: { type: 'key', id: secretKeyId, name: 'Secret key', ip: '127.0.0.1' },
    });
    expect(log!.description).toBe(
      'Encaissement INV-col_1 de 2\u202f500 XOF échoué\u00a0: Solde insuffisant (insufficient_funds)',
    );
  });

  it('names the person for whom an admin key acted, and each event of a batch', async () => {
    const account = await service.makeAccount();
    const headers = {
      ...{ 'signalpost-account': account.id, 'signalpost-mode': 'test', 'signalpost-actor': 'Awa of support' },
      'request-id': 'batch-request-1',
    };
    const items = ['pending', 'succeeded'].map((status) => operationEvent(`payment.${status}`, 'pay_1'));
    await service.call('post', '/v1/events/batch', { headers, body: { events: items } }).expect(200);
    const logs = await logsOf(account.test.secretKey);
    expect(logs.map(({ action, status, description }) => [action, status, description])).toEqual([
      ['payment.pending', 'pending', 'Payment INV-pay_1 of 1,000 XOF is pending'],
      ['payment.succeeded', 'succeeded', 'Payment INV-pay_1 of 1,000 XOF succeeded'],
    ]);
    for (const log of logs) {
      const actor = { type: 'admin', name: 'Awa of support' };
      expect(log).toMatchObject({ api_key_id: null, request_id: 'batch-request-1', actor });
    }
  });
});
