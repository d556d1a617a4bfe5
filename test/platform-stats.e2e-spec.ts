import { ActivityReport } from '../src/admin/stats/activity-report.js';
import { decodeId } from '../src/common/ids.js';
import { EndpointDisabling } from '../src/webhooks/endpoint-disabling.js';
import { makeEndpoint, startSending } from './support/deliveries.js';
import { operationEvent, publishBatch, publishNew, type PublishedEvent } from './support/publishing.js';
import { Receiver } from './support/receiver.js';
import { Service, until } from './support/service.js';

interface PlatformStats {
  readonly accounts: number;
  readonly backlog: number;
  readonly oldest_due_at: string | null;
  readonly events_per_second: number;
  readonly deliveries_per_second: number;
  readonly attempts_failed_per_second: number;
  readonly inbox_rejected: number;
  readonly top_accounts: readonly { account: string; backlog: number }[];
  readonly top_endpoints: readonly { account: string; endpoint_id: string; backlog: number }[];
}

const ENVIRONMENT = { WEBHOOK_ALLOWED_PRIVATE_CIDRS: '127.0.0.0/8' };
const URL = 'http://127.0.0.1:9/hook';
const read = async (service: Service): Promise<PlatformStats> =>
  (await service.call('get', '/v1/admin/stats').expect(200)).body as PlatformStats;
/** Counts are given again for a moment. */
const untilStats = (service: Service, isTrue: (stats: PlatformStats) => boolean): Promise<void> =>
  until(async () => isTrue(await read(service)));
const events = (count: number): object[] =>
  Array.from({ length: count }, (_, n) => operationEvent('collect.pending', `col_${n}`));

describe('statistics of the platform', () => {
  let service: Service;
  beforeAll(async () => {
    service = await Service.start({ environment: ENVIRONMENT });
  });
  afterAll(() => service.stop());

  it('count what waits, by account and endpoint, and leave out what disabling or deleting an endpoint has ended', async () => {
    expect(await read(service)).toEqual({
      object: 'platform_stats',
      accounts: 0,
      backlog: 0,
      oldest_due_at: null,
      events_per_second: 0,
      deliveries_per_second: 0,
      attempts_failed_per_second: 0,
      inbox_rejected: 0,
      top_accounts: [],
      top_endpoints: [],
    });
    const [small, large] = [await service.makeAccount(), await service.makeAccount()];
    const few = await makeEndpoint(service, small.test.secretKey, { url: URL });
    const many = await makeEndpoint(service, large.test.secretKey, { url: URL });
    const lives = await makeEndpoint(service, large.live.secretKey, {
      url: 'https://shop.example/hook',
      event_types: ['*'],
    });
    await publishBatch(service, small.test.secretKey, events(2));
    const { results } = await publishBatch(service, large.test.secretKey, events(5));
    const onBehalf = { 'signalpost-account': large.id, 'signalpost-mode': 'live' };
    await service.call('post', '/v1/events', { body: events(1)[0]!, headers: onBehalf }).expect(201);
    await service.call('patch', `/v1/admin/accounts/${small.id}`, { body: { status: 'suspended' } }).expect(200);

    await untilStats(service, ({ backlog }) => backlog === 8);
    const stats = await read(service);
    expect(stats).toMatchObject({
      accounts: 2,
      top_accounts: [
        { account: large.id, backlog: 6 },
        { account: small.id, backlog: 2 },
      ],
      top_endpoints: [
        { account: large.id, endpoint_id: many.id, backlog: 5 },
        { account: small.id, endpoint_id: few.id, backlog: 2 },
        { account: large.id, endpoint_id: lives.id, backlog: 1 },
      ],
    });
    const earliest = Date.parse(results[0]!.event!.created_at);
    expect(Date.parse(stats.oldest_due_at!)).toBeLessThanOrEqual(earliest);
    expect(stats.events_per_second).toBe(0.13);

    // No dispatcher runs here, so their rows stay where they are.
    const path = `/v1/webhook-endpoints/${many.id}`;
    const key = large.test.secretKey;
    await service.call('patch', path, { key, body: { status: 'disabled' } }).expect(200);
    await untilStats(service, ({ backlog }) => backlog === 3);
    await service.call('patch', path, { key, body: { status: 'enabled' } }).expect(200);
    await publishBatch(service, key, events(1));
    await untilStats(service, ({ backlog }) => backlog === 4);
    await service.call('delete', path, { key }).expect(204);
    await untilStats(service, ({ backlog, top_endpoints: [first] }) => backlog === 3 && first!.endpoint_id === few.id);
  });

  it('tell what all processes published, delivered and failed to deliver in the last minute', async () => {
    const receiver = await Receiver.start();
    const sender = await startSending();
    receiver.answer = ({ path }) => ({ status: path === '/bad' ? 500 : 200 });
    const account = await sender.makeAccount();
    const key = account.test.secretKey;
    await makeEndpoint(sender, key, { url: receiver.url('/good') });
    await makeEndpoint(sender, key, { url: receiver.url('/bad'), retry_schedule: [3_600] });
    const before = await read(service);
    await publishBatch(sender, key, events(30));
    await until(async () => {
      await sender.app.get(ActivityReport, { strict: false }).runOnce();
      const now = await read(service);
      const delivered = now.deliveries_per_second - before.deliveries_per_second;
      return delivered > 0.49 && now.attempts_failed_per_second > 0;
    });
    // Within the minute nothing is counted twice.
    const after = await read(service);
    expect(after.deliveries_per_second).toBe(0.5);
    expect(after.events_per_second).toBeGreaterThanOrEqual(0.5);
    expect(Date.parse((await read(sender)).oldest_due_at!)).not.toBeNaN();
    await sender.stop();
    await receiver.stop();
  }, 30_000);
});

describe('what a disabling left unfinished', () => {
  it('counts the deliveries of that time only, not those that an earlier disabling skipped', async () => {
    const service = await Service.start({ environment: ENVIRONMENT });
    const account = await service.makeAccount();
    const key = account.test.secretKey;
    const endpoint = await makeEndpoint(service, key, { url: URL });
    const path = `/v1/webhook-endpoints/${endpoint.id}`;
    await publishBatch(service, key, events(3));
    await service.call('patch', path, { key, body: { status: 'disabled' } }).expect(200);
    await service.call('patch', path, { key, body: { status: 'enabled' } }).expect(200);
    await publishNew(service, key, operationEvent('collect.pending', 'col_later'));
    const ref = { accountId: decodeId('acct', account.id), mode: 'test', id: decodeId('we', endpoint.id) } as const;
    const disabling = service.app.get(EndpointDisabling, { strict: false });
    await service.dataSource.transaction((manager) => disabling.disable(ref, 'gone', manager));
    let told: PublishedEvent | undefined;
    await until(async () => {
      const query = { type: 'webhook_endpoint.disabled' };
      [told] = ((await service.call('get', '/v1/events', { key, query })).body as { data: PublishedEvent[] }).data;
      return told !== undefined;
    });
    expect(told!.data).toMatchObject({ endpoint_id: endpoint.id, reason: 'gone', unfinished: 1 });
    await service.stop();
  });
});
