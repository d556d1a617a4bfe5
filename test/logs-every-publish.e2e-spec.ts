import { operationEvent, type PublishedEvent } from './support/publishing.js';
import { RequestTrail } from './support/request-trail.js';
import { type CallOptions, type MadeAccount, Service } from './support/service.js';

const ADDRESS = '203.0.113.9';
const ACTOR = 'Awa at the desk';

describe('a publish', () => {
  let service: Service;
  let account: MadeAccount;
  let key: string;
  let trail: RequestTrail;
  beforeAll(async () => {
    service = await Service.start({ environment: { TRUST_PROXY: '127.0.0.1' } });
    account = await service.makeAccount();
    key = account.test.secretKey;
    trail = new RequestTrail(service, account);
  });
  afterAll(() => service.stop());

  const asEvent = async (options: CallOptions, count = 1) => trail.of('post', '/v1/events', options, count);
  /** What `GET /v1/logs` shows of a request: all of it, newest first. */
  const shown = async (requestId: string, by = key) => {
    const { body } = await service.call('get', '/v1/logs', { key: by, query: { request_id: requestId } }).expect(200);
    return (body.data as Record<string, unknown>[]).reverse();
  };
  const logOf = (
    { id, type, operation }: PublishedEvent,
    requestId: string,
    keyId: string | null = account.test.secretKeyId,
  ) =>
    expect.objectContaining({
      category: 'operation',
      action: type,
      operation_id: operation!.id,
      event_id: id,
      api_key_id: keyId,
      request_id: requestId,
      http: null,
    });
  const pending = (id: string, more: object = {}) => operationEvent('collect.pending', id, more);

  it('leaves one log, of the operation, with its request id, key and address, and no second one of the request', async () => {
    const headers = { 'x-forwarded-for': ADDRESS };
    const { answer, logs, requestId } = await asEvent({ key, headers, body: pending('col_1') });
    expect(answer.status).toBe(201);
    expect(logs).toEqual([
      { account: account.id, category: 'operation', action: 'collect.pending', request_id: requestId },
    ]);
    const [log, ...more] = await shown(requestId);
    expect(more).toEqual([]);
    expect(log).toEqual(logOf(answer.body as PublishedEvent, requestId));
    expect(log!.actor).toEqual({ type: 'key', id: account.test.secretKeyId, name: 'Secret key', ip: ADDRESS });
  });

  it('in a batch leaves one for each event that was taken, in their order, and none of those refused', async () => {
    const events = [pending('col_2'), pending('col_3'), pending('', {}), operationEvent('collect.failed', 'col_2')];
    const { answer, logs, requestId } = await trail.of('post', '/v1/events/batch', { key, body: { events } }, 3);
    expect(answer.body).toMatchObject({ created: 3, failed: 1 });
    expect(logs).toHaveLength(3);
    const taken = (answer.body.results as { event: PublishedEvent | null }[]).flatMap(({ event }) => event ?? []);
    expect(await shown(requestId)).toEqual(taken.map((event) => logOf(event, requestId)));
  });

  it('by admin for several accounts leaves each its own, with the person who acts', async () => {
    const other = await service.makeAccount();
    const events = [account, other].map(({ id }, n) => ({ ...pending(`col_shared_${n}`), account: id, mode: 'test' }));
    const options = { body: { events }, headers: { 'signalpost-actor': ACTOR } };
    const { answer, logs, requestId } = await trail.of('post', '/v1/events/batch', options, 2);
    expect(logs.map(({ account: owner, category }) => [owner, category])).toEqual(
      expect.arrayContaining([
        [account.id, 'operation'],
        [other.id, 'operation'],
      ]),
    );
    expect(logs).toHaveLength(2);
    const results = answer.body.results as { event: PublishedEvent }[];
    for (const [n, by] of [key, other.test.secretKey].entries()) {
      const [log] = await shown(requestId, by);
      expect(log).toEqual(logOf(results[n]!.event, requestId, null));
      expect(log!.actor).toMatchObject({ type: 'admin', name: ACTOR });
    }
  });

  it.each(['/v1/events', '/v1/events/batch'])(
    'to %s that repeats an Idempotency-Key leaves nothing more; with other content it is refused, and logged as that',
    async (path) => {
      const input = (id: string) =>
        path.endsWith('batch') ? { events: [pending(id), pending(`${id}_2`)] } : pending(id);
      const count = path.endsWith('batch') ? 2 : 1;
      const headers = { 'idempotency-key': 'publish-once' };
      const first = await trail.of('post', path, { key, headers, body: input('col_once') }, count);
      const again = await trail.of('post', path, { key, headers, body: input('col_once') }, 0);
      expect(again.answer.headers['idempotency-replayed']).toBe('true');
      expect(again.answer.body).toEqual(first.answer.body);
      expect([first.logs.length, again.logs]).toEqual([count, []]);
      expect(await trail.left(first.requestId, count)).toHaveLength(count);
      const reused = await trail.of('post', path, { key, headers, body: input('col_other') }, 1);
      expect(reused.answer.body.code).toBe('idempotency_key_reused');
      expect(reused.logs.map(({ category, action }) => [category, action])).toEqual([['api', 'request.refused']]);
    },
  );

  it('that repeats an external_id leaves nothing more, alone and in a batch', async () => {
    const input = pending('col_external', { external_id: 'led-1' });
    const first = await asEvent({ key, body: input });
    const again = await asEvent({ key, body: input }, 0);
    const inBatch = await trail.of('post', '/v1/events/batch', { key, body: { events: [input, input] } }, 0);
    expect([again.answer.status, inBatch.answer.body.created]).toEqual([200, 0]);
    expect([first.logs.length, again.logs, inBatch.logs]).toEqual([1, [], []]);
  });

  it('of a log leaves that log alone, and nothing when Idempotency-Key repeats it', async () => {
    const body = { action: 'note.made', status: 'info', description: 'A note' };
    const options = { key, body, headers: { 'idempotency-key': 'note-once' } };
    const first = await trail.of('post', '/v1/logs', options, 1);
    const again = await trail.of('post', '/v1/logs', options, 0);
    expect(first.logs.map(({ category, action }) => [category, action])).toEqual([['operation', 'note.made']]);
    expect(again.logs).toEqual([]);
  });
});
