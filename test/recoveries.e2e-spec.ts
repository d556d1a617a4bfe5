import { decodeId } from '../src/common/ids.js';
import { makeEndpoint } from './support/deliveries.js';
import { operationEvent, publishNew } from './support/publishing.js';
import { RecoveryFixture, type ShownRecovery } from './support/recovery-fixture.js';

describe('recovering a range of events', () => {
  const recoveries = RecoveryFixture.install();
  const { endpoint, finish, path, recover, recovered, sending, set } = recoveries;
  const { call, outcome, publish, publishMany, readAll, rows } = sending;

  const count = async (made: { id: string }, body: object = {}) => {
    const asked = { body: { since: recoveries.since, dry_run: true, ...body } };
    return (await call('post', `${path(made)}/recover`, asked).expect(200)).body as {
      matching: number;
      already_succeeded: number;
      to_send: number;
    };
  };
  /** Ends the pending deliveries of an event. */
  const end = (event: { id: string }, status: string, reason: string | null) =>
    rows(
      `WITH ended AS (DELETE FROM signalpost.pending_deliveries WHERE event_id = $1 RETURNING *)
       INSERT INTO signalpost.deliveries (account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger,
         status, status_reason, attempt_count, ended_at)
       SELECT account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger, $2, $3, 1, now() FROM ended`,
      [decodeId('evt', event.id), status, reason],
    );

  /** An event of each kind, by what became of it at the endpoint. */
  async function makeEvents() {
    const missing = await publish('missing');
    const made = await endpoint();
    const succeeded = await publish('succeeded');
    await end(succeeded, 'succeeded', null);
    const failed = await publish('failed');
    await end(failed, 'failed', 'exhausted');
    const cancelled = await publish('cancelled');
    await end(cancelled, 'cancelled', 'cancelled_by_user');
    const unfinished = await publish('unfinished');
    await set(made, 'disabled');
    const skipped = await publish('skipped');
    await set(made, 'enabled');
    const pending = await publish('pending');
    await publishNew(sending.service, sending.key, operationEvent('payment.pending', 'other'));
    return { made, events: { missing, succeeded, failed, cancelled, unfinished, skipped, pending } };
  }

  type Kind = 'missing' | 'succeeded' | 'failed' | 'cancelled' | 'unfinished' | 'skipped' | 'pending';

  it.each([
    ['undelivered', ['missing', 'failed', 'cancelled', 'unfinished', 'skipped']],
    ['failed', ['failed']],
    ['missing', ['missing']],
    ['all', ['missing', 'succeeded', 'failed', 'cancelled', 'unfinished', 'skipped']],
  ] as [string, Kind[]][])('sends what is %s, oldest first, as a dry run told', async (only, kinds) => {
    const { made, events } = await makeEvents();
    const expected = { matching: 7, already_succeeded: 1, to_send: kinds.length };
    expect(await count(made, { only })).toEqual(expected);
    expect(await recovered(made)).toEqual([]);
    const recovery = await recover(made, { only });
    expect(recovery).toMatchObject({
      object: 'recovery',
      mode: 'test',
      endpoint_id: made.id,
      status: 'running',
      only,
      since: recoveries.since,
      total: kinds.length,
      sent: 0,
      ended_at: null,
    });
    expect(await finish(recovery)).toEqual({
      ...recovery,
      status: 'done',
      sent: kinds.length,
      ended_at: expect.any(String) as string,
    });
    const sent = await recovered(made);
    expect(sent.map(({ event_id: id }) => id)).toEqual(kinds.map((kind) => events[kind].id));
    for (const delivery of sent) {
      expect(delivery).toMatchObject({ status: 'pending', recovery_id: recovery.id, previous_delivery_id: null });
    }
    expect((await count(made, { only })).to_send).toBe(0);
  });

  it('tells when an endpoint is enabled what a recovery will send', async () => {
    const made = await endpoint();
    await publish('long_before');
    await end({ id: (await publish('failed_before')).id }, 'failed', 'exhausted');
    await publish('unfinished');
    await rows('DELETE FROM signalpost.pending_deliveries WHERE operation_id = $1', ['long_before']);
    const before = new Date().toISOString();
    await set(made, 'disabled');
    await publishMany(3);
    const { recoverable_count: recoverable, recoverable_since: from } = await set(made, 'enabled');
    expect(recoverable).toBe(4);
    expect(Date.parse(from!)).toBeLessThan(Date.parse(before));
    expect(await count(made, { since: from })).toMatchObject({ to_send: recoverable });
    expect(await finish(await recover(made, { since: from }))).toMatchObject({ status: 'done', sent: recoverable });
    expect(await set(made, 'enabled')).toMatchObject({ recoverable_count: 0, recoverable_since: null });
  });

  it('keeps to its interval and to the present event types, whole nouns too', async () => {
    await publishMany(2);
    const from = await publish('col_from');
    const to = await publish('col_to', 'succeeded');
    await publish('col_after');
    const made = await endpoint({ event_types: ['payment.*'] });
    const range = { since: from.created_at, until: new Date(Date.parse(to.created_at) + 1).toISOString() };
    expect(await count(made, range)).toEqual({ matching: 0, already_succeeded: 0, to_send: 0 });
    for (const [types, to_send] of [
      [['collect.*'], 2],
      [['collect.succeeded', 'payment.*'], 1],
      [['*'], 2],
    ] as const) {
      await call('patch', path(made), { body: { event_types: types } }).expect(200);
      expect(await count(made, range)).toMatchObject({ to_send });
    }
    expect((await count(made)).to_send).toBe(5);
  });

  it('refuses wrong intervals, foreign endpoints and disabled ones, of which it still counts', async () => {
    const made = await endpoint();
    const answer = (body: object, id = made.id) => outcome('post', `/v1/webhook-endpoints/${id}/recover`, { body });
    const day = 86_400_000;
    const at = (ms: number) => new Date(Date.now() + ms).toISOString();
    for (const body of [
      { since: at(-(sending.service.config.retentionDays + 2) * day) },
      { since: at(day) },
      { since: recoveries.since, until: at(-day) },
      { since: 'yesterday' },
      { since: null },
      { since: recoveries.since, only: 'skipped' },
      { since: recoveries.since, dry_run: 'yes' },
      { since: recoveries.since, limit: 1 },
    ]) {
      expect([body, await answer(body)]).toEqual([body, '422 invalid_input']);
    }
    expect(await answer({ since: at(-(sending.service.config.retentionDays - 1) * day) })).toBe('202');
    const foreign = await makeEndpoint(sending.service, (await sending.makeAccount()).test.secretKey, {
      url: 'http://127.0.0.1:9/',
    });
    expect(await answer({ since: recoveries.since }, foreign.id)).toBe('404 not_found');
    await set(made, 'disabled');
    expect(await answer({ since: recoveries.since })).toBe('409 endpoint_disabled');
    expect(await answer({ since: recoveries.since, dry_run: true })).toBe('200');
    await call('delete', path(made)).expect(204);
    expect(await answer({ since: recoveries.since, dry_run: true })).toBe('404 not_found');
  });

  it('begins once under one Idempotency-Key', async () => {
    const made = await endpoint();
    const headers = { 'idempotency-key': 'once' };
    const send = (body: object) => call('post', `${path(made)}/recover`, { headers, body });
    const first = await send({ since: recoveries.since }).expect(202);
    const again = await send({ since: recoveries.since }).expect(202);
    expect([again.headers['idempotency-replayed'], again.body]).toEqual(['true', first.body]);
    expect((await send({ since: recoveries.since, only: 'all' }).expect(422)).body.code).toBe('idempotency_key_reused');
    expect(await readAll('/v1/recoveries')).toHaveLength(1);
  });

  it('lists by endpoint, in pages, newest first', async () => {
    const [one, two] = [await endpoint(), await endpoint()];
    const made: ShownRecovery[] = [];
    for (const target of [one, two, one, one]) made.unshift(await recover(target));
    const list = async (query: object) =>
      (await call('get', '/v1/recoveries', { query }).expect(200)).body as {
        data: ShownRecovery[];
        has_more: boolean;
      };
    expect(await list({})).toEqual({ object: 'list', data: made, has_more: false });
    expect((await list({ endpoint_id: two.id })).data).toEqual([made[2]]);
    expect((await list({ endpoint_id: [one.id, two.id] })).data).toEqual(made);
    const query = { endpoint_id: one.id, limit: 1, starting_after: made[0]!.id };
    expect(await list(query)).toMatchObject({ data: [made[1]], has_more: true });
    expect((await list({ ending_before: made[3]!.id, limit: 1 })).data).toEqual([made[2]]);
    expect(await outcome('get', '/v1/recoveries', { query: { endpoint_id: made[0]!.id } })).toBe('422 invalid_input');
  });
});
