import { Webhook } from 'standardwebhooks';
import { startSending } from './support/deliveries.js';
import { operationEvent } from './support/publishing.js';
import { Receiver } from './support/receiver.js';
import { type CallOptions, type Service } from './support/service.js';

describe('the first webhook', () => {
  let service: Service;
  let receiver: Receiver;
  beforeAll(async () => {
    [service, receiver] = await Promise.all([startSending(), Receiver.start()]);
  });
  afterAll(async () => {
    await service.stop();
    await receiver.stop();
  });

  it('is three calls away from having no account, and verifies at once', async () => {
    let calls = 0;
    const post = async (path: string, options: CallOptions) => {
      calls += 1;
      return (await service.call('post', path, options).expect(201)).body;
    };
    const startedMs = performance.now();
    const account = await post('/v1/admin/accounts', { body: { name: 'Boutique Adjoua' } });
    const key = account.keys[0].secret_key.key as string;
    const endpoint = { url: receiver.url(), event_types: ['collect.*'] };
    const { secret } = (await post('/v1/webhook-endpoints', { key, body: endpoint })) as { secret: string };
    const event = await post('/v1/events', { key, body: operationEvent('collect.pending', 'col_1') });
    const [arrival] = await receiver.arrived(1);
    expect(new Webhook(secret).verify(arrival!.body, arrival!.headers as Record<string, string>)).toEqual(event);
    const tookMs = performance.now() - startedMs;
    expect(calls).toBe(3);
    // Without a poll or a pause between: a tick of any timer here would take longer on an idle machine.
    expect(tookMs).toBeLessThan(5_000);
    process.stdout.write(`First verified webhook: ${calls} calls, ${(tookMs / 1_000).toFixed(2)} s\n`);
  });
});
