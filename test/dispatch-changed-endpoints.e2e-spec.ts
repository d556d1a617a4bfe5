import { DeadEndpointsJob } from '../src/dispatcher/dead-endpoints-job.js';
import { DispatchFixture } from './support/dispatch-fixture.js';
import type { Answer } from './support/receiver.js';
import { until } from './support/service.js';

describe('an endpoint that is changed while a request to it is in the air', () => {
  const sending = DispatchFixture.install();
  const { call, endpoint, ended, publish, readDelivery, waiting } = sending;

  const change = (id: string, body: object) => call('patch', `/v1/webhook-endpoints/${id}`, { body }).expect(200);
  const shown = async (id: string) => (await call('get', `/v1/webhook-endpoints/${id}`).expect(200)).body as object;

  /** An endpoint at /old with one request in the air, which is answered so as soon as `release` is called. */
  const inTheAir = async (answer: Answer) => {
    let release: () => void = () => undefined;
    const after = new Promise<void>((resolve) => (release = resolve));
    sending.receiver.answer = ({ path }) => (path === '/old' ? { ...answer, after } : {});
    const { id } = await endpoint({ url: sending.receiver.url('/old') });
    const event = await publish('col_1');
    await sending.receiver.arrived(1, '/old');
    return { id, event, release: () => release() };
  };

  it('is not disabled by a 410 of the URL that it had; what follows goes to the new one', async () => {
    const { id, event, release } = await inTheAir({ status: 410 });
    await change(id, { url: sending.receiver.url('/new') });
    release();
    expect(await ended(event)).toMatchObject({ status: 'failed', status_reason: 'gone', attempt_count: 1 });
    await sending.service.app.get(DeadEndpointsJob).runOnce();
    const next = await publish('col_2');
    expect(await ended(next)).toMatchObject({ status: 'succeeded' });
    expect(sending.receiver.at('/new').map(({ eventId }) => eventId)).toEqual([next.id]);
    expect(await shown(id)).toMatchObject({ status: 'enabled', disabled_reason: null });
  });

  it('is not disabled by a 410 from before it was disabled and enabled again', async () => {
    const { id, event, release } = await inTheAir({ status: 410 });
    await change(id, { status: 'disabled' });
    const skipped = await ended(event);
    await change(id, { status: 'enabled' });
    release();
    await until(async () => (await readDelivery(skipped.id)).attempt_count === 1);
    await sending.service.app.get(DeadEndpointsJob).runOnce();
    sending.receiver.answer = () => ({});
    expect(await ended(await publish('col_2'))).toMatchObject({ status: 'succeeded' });
    expect(await shown(id)).toMatchObject({ status: 'enabled', disabled_reason: null });
  });

  it('is not held back by a pause that the URL asked for that it had', async () => {
    // Longer than a test may take.
    const { id, event, release } = await inTheAir({ status: 503, headers: { 'retry-after': '30' } });
    await change(id, { url: sending.receiver.url('/new') });
    await publish('col_2');
    await sending.receiver.arrived(1, '/new');
    release();
    await waiting(event);
    const next = await publish('col_3');
    const [, arrival] = await sending.receiver.arrived(2, '/new');
    expect(arrival!.eventId).toBe(next.id);
  });
});
