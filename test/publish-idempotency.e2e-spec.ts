import request from 'supertest';
import { decodeId } from '../src/common/ids.js';
import { EventCatalogue } from '../src/events/event-catalogue.js';
import { expectProblem } from './support/problems.js';
import { type BatchAnswer, operationEvent, postBytes, type PublishedEvent, readAll } from './support/publishing.js';
import { type MadeAccount, Service } from './support/service.js';

const ONE = '/v1/events';
const BATCH = '/v1/events/batch';
const input = (id: string, more: object = {}) => operationEvent('collect.pending', id, more);

describe('publishing with an Idempotency-Key', () => {
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

  const send = (path: string, idempotencyKey: string, body: object, { on = service, by = key, headers = {} } = {}) =>
    postBytes(on, path, by, JSON.stringify(body), { 'idempotency-key': idempotencyKey, ...headers });
  const ids = async () => (await readAll<PublishedEvent>(service, ONE, key)).map(({ id }) => id);
  const isReplay = (answer: request.Response) => answer.headers['idempotency-replayed'] === 'true';

  it('answers a repeat of one event with its status and bytes, by any process, and does nothing again', async () => {
    const first = await send(ONE, 'k', input('a')).expect(201);
    const again = await send(ONE, 'k', input('a')).expect(201);
    const elsewhere = await send(ONE, 'k', input('a'), { on: second }).expect(201);
    expect([again.text, elsewhere.text]).toEqual([first.text, first.text]);
    expect([first, again, elsewhere].map(isReplay)).toEqual([false, true, true]);
    expect(await ids()).toHaveLength(1);
  });

  it('answers a repeat of a batch with every item as it was, the refused ones too', async () => {
    const known = input('a', { external_id: 'led-1' });
    await send(ONE, 'first', known).expect(201);
    const body = { events: [input('b'), { type: 'nothing.here' }, known, input('c')] };
    const first = await send(BATCH, 'k', body).expect(200);
    const again = await send(BATCH, 'k', body, { on: second, headers: { 'request-id': first.headers['request-id'] } });
    expect((first.body as BatchAnswer).results.map(({ status }) => status)).toEqual([201, 422, 200, 201]);
    expect([again.status, again.text, isReplay(again)]).toEqual([200, first.text, true]);
    expect(await ids()).toHaveLength(3);
  });

  it('refuses other bytes under the same key, be it white space', async () => {
    await send(ONE, 'k', input('a')).expect(201);
    expectProblem(await send(ONE, 'k', input('b')), 422, 'idempotency_key_reused');
    const spaced = await postBytes(service, ONE, key, JSON.stringify(input('a'), null, 1), { 'idempotency-key': 'k' });
    expectProblem(spaced, 422, 'idempotency_key_reused');
    await send(BATCH, 'k', { events: [input('a')] }).expect(200);
    expectProblem(await send(BATCH, 'k', { events: [input('b')] }), 422, 'idempotency_key_reused');
    expect(await ids()).toHaveLength(2);
  });

  it('says so before it judges what depends on time, and after the shape', async () => {
    await send(ONE, 'k', input('a')).expect(201);
    const late = input('a', { occurred_at: '2001-01-01T00:00:00Z' });
    expectProblem(await send(ONE, 'k', late), 422, 'idempotency_key_reused');
    expectProblem(await send(ONE, 'k', { type: 5 }), 422, 'invalid_input', ['type: wrong_type']);
    expectProblem(await send(ONE, 'k2', late), 422, 'invalid_input', ['occurred_at: out_of_range']);
  });

  it('still answers when the event would no longer be taken', async () => {
    await service.dataSource.query(
      `INSERT INTO signalpost.event_types (type, description) VALUES ('loan.made', 'A loan.')`,
    );
    const body = { type: 'loan.made' };
    const items = { events: [body, input('a')] };
    await service.app.get(EventCatalogue).refresh();
    const one = await send(ONE, 'k', body).expect(201);
    const batch = await send(BATCH, 'k', items).expect(200);
    const adminItems = { events: [{ ...body, account: account.id, mode: 'test' }] };
    const byAdmin = await send(BATCH, 'k', adminItems, { by: service.adminKey }).expect(200);
    await service.dataSource.query(`DELETE FROM signalpost.event_types WHERE type = 'loan.made'`);
    await service.app.get(EventCatalogue).refresh();
    expectProblem(await send(ONE, 'another', body), 422, 'invalid_input', ['type: unknown_event_type']);
    expect((await send(ONE, 'k', body).expect(201)).text).toBe(one.text);
    expect((await send(BATCH, 'k', items).expect(200)).text).toBe(batch.text);
    expect((await send(BATCH, 'k', adminItems, { by: service.adminKey }).expect(200)).text).toBe(byAdmin.text);
  });

  it('keeps no answer of one event that was refused, and keeps the 200 of a known external_id', async () => {
    await send(ONE, 'k', input('a')).expect(201);
    expectProblem(await send(ONE, 'k2', operationEvent('payment.failed', 'a')), 409, 'operation_conflict');
    await send(ONE, 'k2', input('b', { external_id: 'led-1' })).expect(201);
    const known = await send(ONE, 'k3', input('b', { external_id: 'led-1' })).expect(200);
    const again = await send(ONE, 'k3', input('b', { external_id: 'led-1' })).expect(200);
    expect([again.text, isReplay(known), isReplay(again)]).toEqual([known.text, false, true]);
  });

  it('keeps apart accounts, modes, callers and routes', async () => {
    const other = await service.makeAccount({ live_publishing: true });
    const acting = { 'signalpost-account': account.id, 'signalpost-mode': 'test' };
    const answers = [
      await send(ONE, 'k', input('a')),
      await send(ONE, 'k', input('a'), { by: other.test.secretKey }),
      await send(ONE, 'k', input('a'), { by: other.live.secretKey }),
      await send(ONE, 'k', input('a'), { by: service.adminKey, headers: acting }),
      await send(BATCH, 'k', { events: [input('a')] }),
    ];
    expect(answers.map((answer) => [answer.status, isReplay(answer)])).toEqual([
      ...Array.from({ length: 4 }, () => [201, false]),
      [200, false],
    ]);
  });

  it.each([ONE, BATCH])('has one effect when requests to %s come at once to two processes', async (path) => {
    const body = path === ONE ? input('a') : { events: [input('a'), input('b')] };
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, n) =>
        send(path, 'k', body, { on: n % 2 ? service : second, headers: { 'request-id': 'the-same-id' } }),
      ),
    );
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers.filter((answer) => !isReplay(answer))).toHaveLength(1);
    expect(await ids()).toHaveLength(path === ONE ? 1 : 2);
  });

  it('has one effect when the platform sends different batches with one key at once to two processes', async () => {
    const other = await service.makeAccount();
    for (let round = 0; round < 10; round++) {
      const items = [account.id, other.id].map((id) => ({
        events: [{ ...input(`r${round}`), account: id, mode: 'test' }],
      }));
      const answers = await Promise.all(
        items.map((body, n) => send(BATCH, `k${round}`, body, { on: n ? service : second, by: service.adminKey })),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 422]);
    }
    const [row] = await service.dataSource.query<{ count: number }[]>(
      'SELECT count(*)::integer AS count FROM signalpost.events WHERE account_id = ANY ($1)',
      [[account.id, other.id].map((id) => decodeId('acct', id))],
    );
    expect(row!.count).toBe(10);
  });

  it('counts for 30 days', async () => {
    await send(ONE, 'k', input('a')).expect(201);
    await service.dataSource.query(
      `UPDATE signalpost.idempotency_keys SET created_at = now() - interval '31 days' WHERE account_id = $1`,
      [decodeId('acct', account.id)],
    );
    expect(isReplay(await send(ONE, 'k', input('b')).expect(201))).toBe(false);
    expect(isReplay(await send(ONE, 'k', input('b')).expect(201))).toBe(true);
    expect(await ids()).toHaveLength(2);
  });
});

describe('publishing with an external_id by two processes at once', () => {
  let service: Service;
  let second: Service;
  let key: string;
  beforeAll(async () => {
    service = await Service.start();
    second = await Service.start({ config: service.config });
  });
  beforeEach(async () => {
    key = (await service.makeAccount()).test.secretKey;
  });
  afterAll(async () => {
    await service.stop();
    await second.stop();
  });

  const sendAll = (inputs: readonly object[]) =>
    Promise.all(inputs.map((body, n) => (n % 2 ? second : service).call('post', ONE, { key, body })));
  const count = async () => (await readAll<PublishedEvent>(service, ONE, key)).length;

  it('makes one event of the same content, however it is written, and answers its bytes to all', async () => {
    const content = { data: { a: 1, b: [{ d: 2, c: 3 }] } };
    const reversed = { data: { b: [{ c: 3, d: 2 }], a: 1 } };
    for (let round = 0; round < 8; round++) {
      const id = { external_id: `led-${round}` };
      const answers = await sendAll(
        Array.from({ length: 8 }, (_, n) => input(`col_${round}`, { ...(n % 4 < 2 ? content : reversed), ...id })),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([...Array<number>(7).fill(200), 201]);
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    }
    expect(await count()).toBe(8);
  });

  it('makes one event of different contents, and tells every other one of the conflict', async () => {
    for (let round = 0; round < 8; round++) {
      const id = { external_id: `led-${round}` };
      const answers = await sendAll([1, 2, 3, 4].map((n) => input(`col_${round}`, { ...id, data: { n } })));
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
      for (const answer of answers.filter(({ status }) => status === 409)) {
        expectProblem(answer, 409, 'external_id_conflict');
      }
    }
    expect(await count()).toBe(8);
  });

  it('compares what was given, not what it came to: an absent field is not null, and a default not what it stands for', async () => {
    await service.call('post', ONE, { key, body: input('col_1', { external_id: 'led-1' }) }).expect(201);
    for (const more of [
      { operation: { channel: null } },
      { operation: { kind: 'collect' } },
      { data: {} },
      { data: null },
      { occurred_at: null },
    ]) {
      const answer = await second.call('post', ONE, { key, body: input('col_1', { external_id: 'led-1', ...more }) });
      expectProblem(answer, 409, 'external_id_conflict');
    }
    await second.call('post', ONE, { key, body: input('col_1', { external_id: 'led-1' }) }).expect(200);
  });
});
