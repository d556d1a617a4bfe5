import { LogBook } from './support/log-book.js';

describe('logs that an account writes', () => {
  const logs = LogBook.install();
  const { call } = logs;

  it('a log that an account writes comes back whole, with cards and keys covered', async () => {
    const log = await logs.note(
      {
        operation_id: 'col_93d8',
        status: 'succeeded',
        description: 'Paid by 4111 1111 1111 1111',
        occurred_at: '2026-11-02T22:25:52+01:00',
        metadata: { card: 4111111111111111, nested: [`sk_live_${'a'.repeat(48)}`] },
      },
      { 'request-id': 'req-note-1' },
    );
    expect(log).toEqual({
      id: expect.stringMatching(/^log_/),
      object: 'log',
      mode: 'test',
      category: 'operation',
      action: 'note.made',
      status: 'succeeded',
      description: 'Paid by ****1111',
      operation_id: 'col_93d8',
      event_id: null,
      endpoint_id: null,
      delivery_id: null,
      api_key_id: logs.account.test.secretKeyId,
      request_id: 'req-note-1',
      actor: { type: 'key', id: logs.account.test.secretKeyId, name: 'Secret key', ip: '127.0.0.1' },
      http: null,
      metadata: { card: '****1111', nested: ['sk_live_****'] },
      occurred_at: '2026-11-02T21:25:52.000Z',
      created_at: expect.stringMatching(/Z$/),
    });
    expect((await call('get', `/v1/logs/${log.id}`).expect(200)).body).toEqual(log);
    expect((await logs.list('operation_id=col_93d8')).data).toEqual([log]);
  });

  it('admin writes for an account under the name of the person who acts', async () => {
    const headers = {
      'signalpost-account': logs.account.id,
      'signalpost-mode': 'test',
      'signalpost-actor': 'Awa at the desk',
    };
    const body = { action: 'call.made', status: 'info', description: 'Called the shop' };
    const { body: log } = await call('post', '/v1/logs', { key: logs.service.adminKey, headers, body }).expect(201);
    expect(log.actor).toMatchObject({ type: 'admin', name: 'Awa at the desk' });
    expect((await logs.list('action=call.made')).data[0]).toEqual(log);
  });

  it('one Idempotency-Key makes one log', async () => {
    const headers = { 'idempotency-key': 'once' };
    const first = await logs.note({ description: 'Once' }, headers);
    expect(await logs.note({ description: 'Once' }, headers)).toEqual(first);
    expect(await logs.found('action=note.made')).toEqual(['Once']);
  });

  it.each([
    [{ action: 'no spaces' }, 'action'],
    [{ action: undefined }, 'action'],
    [{ status: 'done' }, 'status'],
    [{ description: 'x'.repeat(1_001) }, 'description'],
    [{ description: 'a\u0000b' }, 'description'],
    [{ operation_id: 'a b' }, 'operation_id'],
    [{ occurred_at: '2026-11-02' }, 'occurred_at'],
    [{ metadata: [] }, 'metadata'],
    [{ category: 'api' }, 'category'],
  ])('writing %j is refused, naming %s', async (wrong, field) => {
    const body = { action: 'note.made', status: 'info', description: 'A note', ...wrong };
    const { body: problem } = await call('post', '/v1/logs', { body }).expect(422);
    expect(problem.errors.map((error: { field: string }) => error.field)).toEqual([field]);
  });
});
