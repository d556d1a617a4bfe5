import { decodeId } from '../src/common/ids.js';
import { Inbox } from '../src/events/inbox.js';
import { RequestLogger } from '../src/logs/request-logger.js';
import { operationEvent, publish, publishBatch, publishNew } from './support/publishing.js';
import { type MadeAccount, Service, until } from './support/service.js';

const PERSONAL = {
  operation: {
    customer: { name: 'Zebulon Quartzmann', email: 'zq.canary@example.test', phone: '+22999887766' },
    metadata: { order: 'canary-order' },
  },
  data: { note: 'canary-note' },
};
const CARD = '4111111111111111';
const SECRET = `sk_live_${'canary'.repeat(8)}`;
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

  it('nor a card’s number or a key in the name of who acts, a key’s name, a URL or a request’s id', async () => {
    const actor = `Awa ${CARD} ${SECRET}`;
    const acting = { 'signalpost-account': account.id, 'signalpost-mode': 'test', 'signalpost-actor': actor };
    const headers = { ...acting, 'request-id': SECRET };
    const event = operationEvent('collect.pending', 'col_named');
    await service.call('post', '/v1/events', { headers, body: event }).expect(201);
    const note = { action: 'note.made', status: 'info', description: 'Named' };
    await service.call('post', '/v1/logs', { headers: { ...acting, 'request-id': CARD }, body: note }).expect(201);
    const url = `https://shop.example/hook/${CARD}/${SECRET}`;
    const body = { url, event_types: ['collect.failed'] };
    await service.call('post', '/v1/webhook-endpoints', { headers, body }).expect(201);
    const named = await service.makeRestrictedKey(key, { name: `Till ${CARD} ${SECRET}`, scopes: ['logs:read'] });
    await service
      .call('post', '/v1/logs', { key: named.key, headers: { 'request-id': SECRET }, body: note })
      .expect(403);
    const page = { origin: `https://${CARD}.example` };
    await service.call('get', '/v1/logs', { key: named.key, headers: page }).expect(403);
    const shown = async (path: string): Promise<string> => (await service.call('get', path, { key })).text;
    await until(async () => (await shown('/v1/logs?action=api_key.refused_in_browser')).includes('log_'));
    await service.app.get(Inbox, { strict: false }).runOnce();

    const places = [...(await written()), await shown('/v1/logs?limit=100'), await shown('/v1/logs/export?format=csv')];
    expect(places.filter((text) => text.includes(CARD) || text.includes(SECRET))).toEqual([]);
    for (const covered of ['Awa ****1111 sk_live_****', 'Till ****1111 sk_live_****']) {
      expect(places.at(-1)).toContain(covered);
    }
    expect(places.at(-1)).toContain('shop.example/hook/****1111/sk_live_****');
    // Found by the id that was sent, or, since no query may hold a key, by what is shown of it.
    const found = async (id: string, action: string): Promise<number> =>
      (await service.call('get', '/v1/logs', { key, query: { request_id: id, action } }).expect(200)).body.data.length;
    expect(await found('sk_live_****', 'collect.pending')).toBe(1);
    expect(await found(CARD, 'note.made')).toBe(1);
  });

  it('an ordinary request id stays as it is, whatever digits stand in it', async () => {
    const ids = [
      CARD.replace(/^(.{8})(.{4})(.{4})$/, '$1-$2-$3-0000-000000000000'),
      `${CARD}${'a'.repeat(16)}`,
      'order-12',
    ];
    for (const id of ids) {
      const body = { action: 'note.kept', status: 'info', description: 'Kept' };
      const { headers } = await service
        .call('post', '/v1/logs', { key, headers: { 'request-id': id }, body })
        .expect(201);
      expect(headers['request-id']).toBe(id);
    }
    const { body } = await service.call('get', '/v1/logs', { key, query: { action: 'note.kept' } }).expect(200);
    expect(body.data.map(({ request_id }: { request_id: string }) => request_id).reverse()).toEqual(ids);
  });
});
