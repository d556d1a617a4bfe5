import { Inbox } from '../src/events/inbox.js';
import { RequestLogger } from '../src/logs/request-logger.js';
import { operationEvent, publish, publishBatch, publishNew, readAll } from './support/publishing.js';
import { type MadeAccount, Service, until } from './support/service.js';
import { SseReader } from './support/sse-reader.js';

const CARD = '4111111111111111';
const SECRET = `sk_live_${'canary'.repeat(8)}`;
const CUSTOMER = { name: 'Zébulon Quartzmann', email: 'zq.canary@example.test', phone: '+22999887766' };
const CANARIES = /4111.{0,3}1111|z[eé]bulon|quartzmann|zq\.canary|99.?88.?77.?66|canary/i;

describe('no text of a caller brings a card, a key or a customer into the logs', () => {
  let service: Service;
  let account: MadeAccount;
  let key: string;
  beforeAll(async () => {
    service = await Service.start();
  });
  beforeEach(async () => {
    account = await service.makeAccount();
    key = account.test.secretKey;
  });
  afterAll(() => service.stop());

  const bySql = (type: string, operation: object, externalId: string) =>
    service.dataSource.query('SELECT signalpost.publish_event($1, $2, $3, $4, NULL, $5)', [
      account.id,
      'test',
      type,
      JSON.stringify(operation),
      externalId,
    ]);
  const refuseInbox = () => service.app.get(Inbox, { strict: false }).runOnce();

  /** The rows of the table, the list, both exports and the stream: each place where logs are read. */
  async function places(): Promise<string[]> {
    await service.app.get(RequestLogger, { strict: false }).runOnce();
    const rows: { text: string }[] = await service.dataSource.query('SELECT l::text AS text FROM signalpost.logs l');
    const listed = await readAll(service, '/v1/logs', key);
    const stream = await SseReader.open(await service.app.getUrl(), '/v1/logs/stream', key, { 'last-event-id': '0' });
    await until(() => Promise.resolve(listed.every(({ id }) => stream.messages.some((message) => message.id === id))));
    stream.response.destroy();
    const exported = await Promise.all(
      ['csv', 'ndjson'].map((format) => service.call('get', `/v1/logs/export?format=${format}`, { key }).expect(200)),
    );
    return [
      ...rows.map(({ text }) => text),
      ...listed.map((log) => JSON.stringify(log)),
      ...exported.map(({ text }) => text),
      ...stream.messages.map(({ data }) => data),
    ];
  }
  const found = async (q: string): Promise<number> =>
    (await service.call('get', '/v1/logs', { key, query: { q } }).expect(200)).body.data.length;

  it('in a cause, whoever published it, wherever the customer is known from', async () => {
    const description = 'Payer Quartzmann ZEBULON (99 88 77 66, ZQ.canary@example.test) gave 4111/1111/1111/1111';
    const cause = { code: 'payer_99887766', description };
    await publishNew(service, key, operationEvent('collect.pending', 'col_1', { operation: { customer: CUSTOMER } }));
    await publishNew(service, key, operationEvent('collect.failed', 'col_1', { operation: { cause } }));
    const { results } = await publishBatch(service, key, [
      operationEvent('payment.failed', 'pay_1', { operation: { customer: CUSTOMER, cause } }),
      operationEvent('payment.failed', 'pay_2', { operation: { cause: { description: 'Payer 22999887766 unknown' } } }),
      // Late, and without the customer whom the operation has.
      operationEvent('collect.failed', 'col_1', {
        operation: { cause, customer: null },
        occurred_at: new Date(Date.now() - 3_600_000).toISOString(),
      }),
    ]);
    expect(results.map(({ status }) => status)).toEqual([201, 201, 201]);
    const { operation } = operationEvent('collect.failed', 'col_3', { operation: { customer: CUSTOMER, cause } });
    await bySql('collect.failed', operation as object, 'led-3');
    await refuseInbox();

    const texts = await places();
    expect(texts.filter((text) => CANARIES.test(text))).toEqual([]);
    expect(texts.filter((text) => text.includes('Payer **** (****, ****) gave ****1111 (payer_****)'))).not.toEqual([]);
    expect([await found('quartzmann'), await found('99887766'), await found('col_3')]).toEqual([0, 0, 1]);
    // With the operation it stays as it was told.
    const { body } = await service.call('get', '/v1/operations/col_1', { key }).expect(200);
    expect(body).toMatchObject({ cause, customer: CUSTOMER });
  });

  it('in a reference', async () => {
    for (const [id, reference] of [
      ['col_1', CARD],
      ['col_2', `MY_${SECRET}`],
      ['col_3', '4111  1111  1111  1111'],
      ['col_4', '４１１１１１１１１１１１１１１１'],
    ] as const) {
      await publishNew(service, key, operationEvent('collect.pending', id, { operation: { reference } }));
    }
    expect((await places()).filter((text) => CANARIES.test(text) || text.includes('４'))).toEqual([]);
    expect([await found(CARD), await found('1111')]).toEqual([0, 3]);
  });

  it('in the name of a refused event, or of a field that nobody knows', async () => {
    const wrong = { id: 'col_1', amount: 1000, currency: 'XOF', [CARD]: 1, [SECRET]: { [`${CARD}1229`]: 2 } };
    await bySql('collect.pending', wrong, CARD);
    await bySql('collect.lost', { id: 'col_2' }, SECRET);
    await bySql('collect.pending', { id: 'col_3', status: `paid ${CARD}` }, `led ${CARD}`);
    await refuseInbox();
    await publish(service, key, { ...operationEvent('collect.pending', 'col_4'), [CARD]: 1, [SECRET]: 1 }).expect(422);
    await publishBatch(service, key, [operationEvent('collect.pending', 'col_5', { operation: wrong })]);

    const texts = await places();
    expect(texts.filter((text) => CANARIES.test(text))).toEqual([]);
    const { body } = await service.call('get', '/v1/logs?action=event.refused', { key }).expect(200);
    const told = (body.data as { metadata: { external_id: string } }[]).map(({ metadata }) => metadata.external_id);
    expect(told.sort()).toEqual(['****1111', 'led ****1111', 'sk_live_****']);
    const errors: { error: string }[] = await service.dataSource.query(
      'SELECT error::text AS error FROM signalpost.event_inbox WHERE error IS NOT NULL',
    );
    expect(errors.filter(({ error }) => CANARIES.test(error))).toEqual([]);
  });

  it('in an action, which is refused, or in anything else of a log of one’s own', async () => {
    const note = { action: 'note.made', status: 'info', description: 'Made' };
    for (const action of [CARD, SECRET, `note.${SECRET}`, 'note:4111-1111-1111-1111', 'note_4111_1111_1111_1111']) {
      const { body } = await service.call('post', '/v1/logs', { key, body: { ...note, action } }).expect(422);
      expect(body.errors).toEqual([
        {
          field: 'action',
          code: 'holds_secret',
          message: 'Leave out what looks like a card number or a key: this is shown to people.',
        },
      ]);
    }
    const metadata = { [CARD]: 1, '4111 1111 1111 1111': 2, note: [`_${SECRET}`, 4111111111111111] };
    const description = `Paid with 4111\n1111\n1111\n1111 and MY_${SECRET}`;
    const { body } = await service
      .call('post', '/v1/logs', { key, body: { ...note, description, metadata } })
      .expect(201);
    expect(body.metadata).toEqual({ '****1111': 1, '****1111 (2)': 2, note: ['_sk_live_****', '****1111'] });
    // What joins a log to its operation must stay as that is called.
    await service.call('post', '/v1/logs', { key, body: { ...note, operation_id: 'col_2026-11-02' } }).expect(201);
    expect((await places()).filter((text) => CANARIES.test(text))).toEqual([]);
  });
});
