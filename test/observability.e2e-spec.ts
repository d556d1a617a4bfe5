import { jest } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { Activity } from '../src/common/metrics/activity.js';
import { Metrics } from '../src/common/metrics/metrics.js';
import { startSending, makeEndpoint } from './support/deliveries.js';
import { operationEvent, publishNew } from './support/publishing.js';
import { Receiver } from './support/receiver.js';
import { type Service, until } from './support/service.js';

const FOLDER = join(import.meta.dirname, '..', 'docs', 'observability');
/** Names of metrics of ours, as they stand in expressions and tables. */
const NAMES = /\b(?:webhook|dispatcher|http)_[a-z_]+\b/g;
const SERIES = /_(?:bucket|count|sum)$/;

describe('what is watched', () => {
  let service: Service;
  let receiver: Receiver;
  beforeAll(async () => {
    [service, receiver] = await Promise.all([startSending(), Receiver.start()]);
  });
  afterAll(() => Promise.all([service.stop(), receiver.stop()]));

  const shown = () => service.app.get(Metrics).registry.metrics();
  const valueOf = async (series: string) => {
    const line = (await shown()).split('\n').find((text) => text.startsWith(`${series} `));
    return line === undefined ? null : Number(line.split(' ').at(-1));
  };

  afterEach(() => jest.restoreAllMocks());

  it.each(['alerts.yml', 'dashboard.json', 'README.md'])('%s names only metrics that there are', async (file) => {
    const text = readFileSync(join(FOLDER, file), 'utf8').replaceAll('webhook_endpoint', '');
    const names = [...new Set(text.match(NAMES))];
    const known = new Set([...(await shown()).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => !known.has(name.replace(SERIES, '')))).toEqual([]);
  });

  it('counts claims and attempts, and tells of the backlog and of what is due for long', async () => {
    const { test } = await service.makeAccount();
    await makeEndpoint(service, test.secretKey, { url: receiver.url() });
    await publishNew(service, test.secretKey, operationEvent('collect.pending', 'col_1'));
    await until(async () => (await valueOf('webhook_attempts_total{outcome="succeeded"}')) === 1);
    expect(await valueOf('dispatcher_claimed_deliveries_total')).toBe(1);
    expect(await valueOf('dispatcher_claims_total')).toBeGreaterThanOrEqual(1);
    expect(await valueOf('webhook_attempt_lateness_seconds_count')).toBe(1);
    expect(await valueOf('dispatcher_lease_losses_total')).toBe(0);
    expect(await valueOf('dispatcher_in_flight')).toBe(0);
    expect(await valueOf('dispatcher_unsettled')).not.toBeNull();
    expect(await valueOf('dispatcher_concurrency')).toBe(service.config.dispatchConcurrency);
    expect(await valueOf('webhook_backlog')).not.toBeNull();
    expect(await valueOf('webhook_oldest_due_seconds')).toBeGreaterThanOrEqual(0);
  });

  it.each([
    [500, 'status_5xx', [['failedAttempts', 1]], [{ next: 'ended meanwhile' }]],
    [200, 'succeeded', [], []],
  ])(
    'counts and tells of an attempt whose delivery was cancelled in the air, answered with %d',
    async (status, outcome, counted, told) => {
      const lines = jest.spyOn(Logger.prototype, 'log');
      const { test } = await service.makeAccount();
      await makeEndpoint(service, test.secretKey, { url: receiver.url('/held') });
      let answer: () => void = () => undefined;
      receiver.answer = () => ({ status, after: new Promise<void>((resolve) => (answer = resolve)) });
      const attempts = async () => (await valueOf(`webhook_attempts_total{outcome="${outcome}"}`)) ?? 0;
      const before = await attempts();
      const event = await publishNew(service, test.secretKey, operationEvent('collect.pending', 'col_1'));
      await receiver.until(() => receiver.arrivals.some(({ eventId }) => eventId === event.id));
      const { body } = await service.call('get', `/v1/deliveries?event_id=${event.id}`, { key: test.secretKey });
      const [{ id }] = (body as { data: { id: string }[] }).data as [{ id: string }];
      await service.call('post', `/v1/deliveries/${id}/cancel`, { key: test.secretKey }).expect(200);
      const activity = jest.spyOn(service.app.get(Activity), 'add');
      answer();
      await until(async () => (await attempts()) === before + 1);
      expect(activity.mock.calls.filter(([kind]) => kind !== 'events')).toEqual(counted);
      expect(
        lines.mock.calls.flatMap(([line]) => ((line as { delivery_id?: string }).delivery_id === id ? [line] : [])),
      ).toEqual(told.map((line) => expect.objectContaining({ ...line, event_id: event.id, outcome }) as object));
    },
  );
});
