import {
  type BatchAnswer,
  itemOutcomes,
  operationEvent,
  postBytes,
  publishBatch,
  publishNew,
  type PublishedEvent,
  readAll,
} from './support/publishing.js';
import { expectProblem } from './support/problems.js';
import { type MadeAccount, Service } from './support/service.js';

const PATH = '/v1/events/batch';
const pending = (id: string, more: object = {}) => operationEvent('collect.pending', id, more);

describe('publishing a batch', () => {
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

  const post = (bytes: string, by = key) => postBytes(service, PATH, by, bytes);
  const events = (by = key) => readAll<PublishedEvent>(service, '/v1/events', by);

  it('keeps the good items in order and gives each bad one its own status, code and field', async () => {
    await publishNew(service, key, pending('paid', { external_id: 'led-0' }));
    const good = (id: string) => JSON.stringify(pending(id));
    const long = JSON.stringify({
      type: 'collect.pending',
      operation: { id: 'x' },
      data: { l: Array(20).fill('x'.repeat(16_000)) },
    });
    const { text, body } = await post(
      `{"events":[${[
        good('a'),
        '{"type":"collect.pending","operation":{"id":"x","amount":9007199254740992}}',
        '{"type":"collect.pending","operation":{"id":"x"},"data":{"note":"\\u0000"}}',
        '{"type":"collect.pending","operation":{"id":"x"},"data":{"note":"\\ud800"}}',
        good('b'),
        '{"type":"collect.paid","operation":{"id":"x"}}',
        '{"type":"payment.failed","operation":{"id":"paid"}}',
        '{"type":"api_key.revoked"}',
        '"text"',
        long,
        JSON.stringify(pending('other', { external_id: 'led-0' })),
        JSON.stringify(pending('paid', { external_id: 'led-0' })),
        '{"type":"collect.pending","operation":{"id":"x"},"account":"acct_1"}',
        '{"type":"collect.pending","operation":{"id":"x"},"occurred_at":"2001-01-01T00:00:00Z"}',
        `{"type":"collect.pending","operation":{"id":"x"},"data":{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}}`,
        JSON.stringify(pending('x', { data: { note: 'x'.repeat(16_385) } })),
        JSON.stringify(pending('x', { data: Object.fromEntries(Array.from({ length: 1_001 }, (_, n) => [n, 1])) })),
        good('c'),
      ].join(',')}]}`,
    ).expect(200);
    expect(itemOutcomes(body as BatchAnswer)).toEqual([
      '201',
      '422 invalid_input operation.amount:unsafe_integer',
      '422 invalid_input data.note:invalid_character',
      '422 invalid_input data.note:invalid_character',
      '201',
      '422 invalid_input type:unknown_event_type',
      '409 operation_conflict',
      '403 event_type_reserved',
      '422 invalid_input :wrong_type',
      '413 body_too_large',
      '409 external_id_conflict',
      '200',
      '422 invalid_input account:unknown_field',
      '422 invalid_input occurred_at:out_of_range',
      expect.stringMatching(/^422 invalid_input data\.a\[0\]\S*:too_deep$/),
      '422 invalid_input data.note:too_long',
      expect.stringMatching(/^422 invalid_input data\.\d+:too_many_keys$/),
      '201',
    ]);
    expect(body).toMatchObject({ object: 'batch_result', created: 3, failed: 14 });
    expect(Object.keys(body as object)).toEqual(['object', 'created', 'failed', 'results']);
    const stored = await events();
    expect(stored.map(({ operation, sequence }) => [operation!.id, sequence])).toEqual([
      ['paid', 1],
      ['a', 2],
      ['b', 3],
      ['c', 4],
    ]);
    for (const { id } of stored) {
      const one = await service.call('get', `/v1/events/${id}`, { key }).expect(200);
      expect(text).toContain(`"event":${one.text},"error":null`);
    }
  });

  it('answers an error of an item as the whole problem of the contract', async () => {
    const { body, headers } = await post('{"events":[{"type":"collect.pending"}]}').expect(200);
    expect((body as BatchAnswer).results).toEqual([
      {
        status: 422,
        event: null,
        error: {
          ...{ type: '/docs/errors#invalid_input', title: 'Invalid input', status: 422, detail: '1 field is wrong.' },
          ...{ code: 'invalid_input', request_id: headers['request-id'] },
          errors: [{ field: 'operation', code: 'required', message: expect.any(String) }],
        },
      },
    ]);
  });

  it('stores nothing of any item that cannot be stored, however many there are', async () => {
    const bad = Array.from(
      { length: 100 },
      (_, n) => `{"type":"collect.pending","operation":{"id":"x${n}"},"data":{"t":"\\u0000"}}`,
    );
    const { body } = await post(`{"events":[${[...bad, JSON.stringify(pending('last'))].join(',')}]}`).expect(200);
    expect(body).toMatchObject({ created: 1, failed: 100 });
    expect((await events()).map(({ operation }) => operation!.id)).toEqual(['last']);
  });

  it('takes a repeat within itself as 200 and not created, with the bytes of the first', async () => {
    const item = pending('a', { external_id: 'led-1' });
    const { text } = await post(JSON.stringify({ events: [item, item, { ...item, data: { other: true } }] })).expect(
      200,
    );
    const { results, ...counts } = JSON.parse(text) as BatchAnswer;
    expect(counts).toMatchObject({ created: 1, failed: 1 });
    expect(results.map(({ status }) => status)).toEqual([201, 200, 409]);
    expect(results[1]!.event).toEqual(results[0]!.event);
  });

  it('applies its items to one operation one after another', async () => {
    const { results } = await publishBatch(service, key, [
      pending('a'),
      operationEvent('collect.failed', 'a', { operation: { cause: { code: 'late' } } }),
      operationEvent('collect.pending', 'a', { occurred_at: new Date(Date.now() - 60_000).toISOString() }),
      operationEvent('collect.succeeded', 'a'),
    ]);
    const told = results.map(({ event }) => event!.operation!);
    expect(told.map(({ version, previous_status, stale }) => [version, previous_status, stale])).toEqual([
      [1, null, false],
      [2, 'pending', false],
      [3, 'failed', true],
      [4, 'failed', false],
    ]);
    const { body } = await service.call('get', '/v1/operations/a', { key }).expect(200);
    expect(body).toMatchObject({ version: 4, status: 'succeeded', last_event_id: results[3]!.event!.id });
  });

  it('takes 1,000 events, no more and not none, and up to 5 MiB', async () => {
    const thousand = Array.from({ length: 1000 }, (_, n) => pending(`col_${n % 300}`));
    expect(await publishBatch(service, key, thousand)).toMatchObject({ created: 1000, failed: 0 });
    const sequences = (await events()).map(({ sequence }) => sequence);
    expect(sequences).toEqual(Array.from({ length: 1000 }, (_, n) => n + 1));
    expectProblem(await post(JSON.stringify({ events: [...thousand, pending('x')] })), 422, 'invalid_input', [
      'events: too_long',
    ]);
    expectProblem(await post('{"events":[]}'), 422, 'invalid_input', ['events: too_short']);
    expectProblem(await post(`{"events":[${' '.repeat(5 * 1024 * 1024)}{}]}`), 413, 'body_too_large');
  });

  it('of unknown names has an answer no larger than itself', async () => {
    const names = Object.fromEntries(Array.from({ length: 900 }, (_, n) => [n.toString(36), 1]));
    const bytes = JSON.stringify({ events: Array.from({ length: 500 }, () => ({ ...names, type: 'a.b' })) });
    const { text, body } = await post(bytes).expect(200);
    expect(text.length).toBeLessThan(bytes.length);
    const { error } = (body as BatchAnswer).results[499]!;
    expect(error).toMatchObject({ detail: '900 fields are wrong; the first 20 are named.' });
    const [name, value] = ['n'.repeat(3_000), 'of a query'];
    const refused = await service.call('get', `/v1/events?${name}=${encodeURIComponent(value)}`, { key });
    expectProblem(refused, 422, 'invalid_input', [`${'n'.repeat(256)}: unknown_field`]);
  });

  it('is refused whole when it is no batch', async () => {
    expectProblem(await post('{"events":[{}'), 400, 'malformed_json');
    expectProblem(await post('{"event":[{}]}'), 422, 'invalid_input', ['event: unknown_field']);
    expectProblem(await post('[{}]'), 422, 'invalid_input', [': wrong_type']);
    expectProblem(await post('{"events":[{}]}', account.test.publicKey), 403, 'secret_key_required');
  });

  it('of live events without the right has 403 for each item', async () => {
    const answer = await publishBatch(service, account.live.secretKey, [pending('a'), { type: 'collect.pending' }]);
    expect(itemOutcomes(answer)).toEqual(['403 live_publishing_disabled', '422 invalid_input operation:required']);
  });

  describe('of the platform', () => {
    const admin = (items: object[], headers: Record<string, string> = {}) =>
      service.call('post', PATH, { body: { events: items }, headers });

    it('goes to the account and mode that each item names, each with its own sequence', async () => {
      const other = await service.makeAccount({ locale: 'fr' });
      const { body } = await admin([
        { ...pending('a'), account: account.id, mode: 'live' },
        { ...pending('a'), account: other.id, mode: 'test' },
        { ...pending('b'), account: account.id, mode: 'live' },
        { ...pending('a'), account: account.id, mode: 'test' },
      ]).expect(200);
      const made = (body as BatchAnswer).results.map(({ event }) => event!);
      expect(made.map((event) => [event.account, event.mode, event.sequence, event.source])).toEqual([
        [account.id, 'live', 1, 'platform'],
        [other.id, 'test', 1, 'platform'],
        [account.id, 'live', 2, 'platform'],
        [account.id, 'test', 1, 'platform'],
      ]);
      expect((await events(other.test.secretKey)).map(({ id }) => id)).toEqual([made[1]!.id]);
      expect((await events(account.live.secretKey)).map(({ id }) => id)).toEqual([made[0]!.id, made[2]!.id]);
    });

    it('takes the headers as the default', async () => {
      const other = await service.makeAccount();
      const headers = { 'signalpost-account': account.id, 'signalpost-mode': 'test' };
      const { body } = await admin(
        [pending('a'), { ...pending('a'), account: other.id }, { ...pending('a'), mode: 'live' }],
        headers,
      );
      expect((body as BatchAnswer).results.map(({ event }) => [event!.account, event!.mode])).toEqual([
        [account.id, 'test'],
        [other.id, 'test'],
        [account.id, 'live'],
      ]);
    });

    it('refuses the item whose account or mode is missing, malformed or unknown', async () => {
      const nobody = 'acct_00000000000000000000000000';
      const { body } = await admin([
        { ...pending('a'), mode: 'test' },
        { ...pending('a'), account: account.id },
        { ...pending('a'), account: account.id, mode: 'prod' },
        { ...pending('a'), account: 'evt_1', mode: 'test' },
        { ...pending('a'), account: nobody, mode: 'test' },
        { ...pending('a'), account: account.id, mode: 'test' },
      ]).expect(200);
      expect(itemOutcomes(body as BatchAnswer)).toEqual([
        '422 invalid_input account:required',
        '422 invalid_input mode:not_one_of',
        '422 invalid_input mode:not_one_of',
        '422 invalid_input account:invalid_id',
        '404 not_found',
        '201',
      ]);
    });
  });
});
