import { decodeId } from '../src/common/ids.js';
import { ErasureFixture, erasedTextOf, PERSONAL, personalEvent } from './support/erasure-fixture.js';
import { operationEvent, publish, publishBatch, type PublishedEvent } from './support/publishing.js';
import { until } from './support/service.js';

describe('erasing an operation while others write', () => {
  const { erase, erasures, operation, publishPersonal, sending, textOf, waitFor, whileLedgerIsHeld } =
    ErasureFixture.install();
  const { call, endpoint, listDeliveries, readAll, rows, startDispatcher } = sending;

  it('erases what was published before it got its turn', async () => {
    await publishPersonal('pending');
    let answers: Promise<unknown[]> = Promise.resolve([]);
    await whileLedgerIsHeld(async () => {
      const published = publish(sending.service, sending.key, personalEvent('failed', 'col_1')).then(
        ({ status }) => status,
      );
      await waitFor(1);
      answers = Promise.all([published, erase('col_1').then(({ body }) => body as object)]);
      await waitFor(2);
    });
    expect(await answers).toEqual([201, await operation('col_1')]);
    expect(await operation('col_1')).toMatchObject({ version: 2, status: 'failed', customer: null, metadata: {} });
    for (const event of await readAll<PublishedEvent>('/v1/events')) {
      expect(event).toMatchObject({ data: {}, operation: { customer: null, metadata: {} } });
    }
  });

  it('does not get back what a publish had read before it', async () => {
    const before = await publishPersonal('pending');
    let answers: Promise<unknown[]> = Promise.resolve([]);
    await whileLedgerIsHeld(async () => {
      const erased = erase('col_1').then(({ status }) => status);
      await waitFor(1);
      const event = operationEvent('collect.failed', 'col_1', { data: { note: 'new' } });
      answers = Promise.all([erased, publish(sending.service, sending.key, event).then(({ body }) => body as object)]);
      await waitFor(2);
    });
    const [status, published] = await answers;
    expect(status).toBe(200);
    expect(published).toMatchObject({
      data: { note: 'new' },
      operation: { customer: null, metadata: {}, version: 2 },
    });
    expect(await operation('col_1')).toMatchObject({ customer: null, metadata: {}, version: 2, status: 'failed' });
    expect(await textOf(before)).toBe(erasedTextOf(before));
  });

  it('agrees with publishing, sending, cancelling and disabling at the same time', async () => {
    const dispatcher = await startDispatcher();
    sending.receiver.answer = () => ({ status: sending.receiver.arrivals.length % 3 === 0 ? 500 : 200 });
    const made = [await endpoint({ ordering: 'operation', retry_schedule: [1] }), await endpoint()];
    const statuses: number[] = [];
    const ask = async (test: PromiseLike<{ status: number }>) => void statuses.push((await test).status);
    for (let round = 0; round < 12; round++) {
      const [pending] = await listDeliveries({ status: 'pending' });
      const status = round % 2 === 0 ? 'disabled' : 'enabled';
      await Promise.all([
        ...[1, 2, 3].map(() => ask(publish(sending.service, sending.key, personalEvent('pending', 'col_1')))),
        ask(publish(dispatcher, sending.key, personalEvent('pending', 'col_1'))),
        ...(round > 0 ? [ask(erase('col_1')), ask(erase('col_1'))] : []),
        ask(call('patch', `/v1/webhook-endpoints/${made[1]!.id}`, { body: { status } })),
        ...(pending ? [ask(call('post', `/v1/deliveries/${pending.id}/cancel`))] : []),
      ]);
    }
    expect(statuses.filter((status) => ![200, 201, 409].includes(status))).toEqual([]);
    const { body } = await erase('col_1').expect(200);
    expect(body).toMatchObject({ customer: null, metadata: {}, version: 48 });
    for (const event of await readAll<PublishedEvent>('/v1/events')) {
      if (event.operation !== null) expect(event).toMatchObject({ data: {}, operation: { customer: null } });
    }
    await until(async () => (await listDeliveries({ status: 'pending' })).length === 0);
  });

  it('happens as a whole or not at all, however many events there are', async () => {
    await endpoint();
    for (const count of [1_000, 120]) {
      const events = Array.from({ length: count }, () => personalEvent('pending', 'col_1'));
      expect(await publishBatch(sending.service, sending.key, events)).toMatchObject({ created: count, failed: 0 });
    }
    const personal = async () => {
      const [row] = await rows<{ count: string }>(
        `SELECT count(*) FROM signalpost.events WHERE account_id = $1 AND (body LIKE '%anary%' OR search LIKE '%zebulon%')`,
        [decodeId('acct', sending.account.id)],
      );
      return Number(row!.count);
    };
    let died: Promise<number> = Promise.resolve(0);
    await whileLedgerIsHeld(async () => {
      died = erase('col_1').then(({ status }) => status);
      await waitFor(1);
      await rows(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      expect(await died).toBeGreaterThanOrEqual(500);
    });
    expect(await personal()).toBe(1_120);
    expect(await erasures()).toEqual([]);
    expect(await operation('col_1')).toMatchObject(PERSONAL.operation);

    await erase('col_1').expect(200);
    expect(await personal()).toBe(0);
    expect(await erasures()).toMatchObject([{ metadata: { events: 1_120, deliveries_cancelled: 1_120 } }]);
  });
});
