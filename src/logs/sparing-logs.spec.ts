import { Clock } from '../common/clock.js';
import { Metrics } from '../common/metrics/metrics.js';
import { PUBLIC_KEY_REFUSALS, SparingLogs } from './sparing-logs.js';

const MINUTE_MS = 60_000;

describe('SparingLogs', () => {
  let nowMs: number;
  let metrics: Metrics;
  let sparing: SparingLogs;
  beforeEach(() => {
    nowMs = 0;
    metrics = new Metrics();
    sparing = new SparingLogs(Object.assign(new Clock(), { monotonicMs: () => nowMs }), metrics);
  });
  const counted = async () =>
    (await metrics.registry.getSingleMetric('signalpost_request_logs_left_out_total')!.get()).values;
  const exhaust = (key: string): void => {
    for (let n = 0; n < PUBLIC_KEY_REFUSALS.burst; n += 1) expect(sparing.take('public_key', key)).toBe(0);
  };

  it('leaves out what comes past the first of a key, counts it, and tells the next one that is logged', async () => {
    exhaust('key');
    for (let n = 0; n < 7; n += 1) expect(sparing.take('public_key', 'key')).toBeNull();
    expect(await counted()).toContainEqual({ labels: { reason: 'public_key' }, value: 7 });
    nowMs += MINUTE_MS;
    expect(Array.from({ length: 7 }, () => sparing.take('public_key', 'key'))).toEqual([7, 0, 0, 0, 0, 0, null]);
    nowMs += MINUTE_MS;
    expect(sparing.take('public_key', 'key')).toBe(1);
  });

  it('keeps keys and reasons apart', () => {
    exhaust('key');
    expect(sparing.take('public_key', 'key')).toBeNull();
    expect(sparing.take('public_key', 'other')).toBe(0);
    expect(sparing.take('unusable_key', 'key')).toBe(0);
  });

  it('lets a page have twenty, then one every five seconds', () => {
    const taken = Array.from({ length: 22 }, () => sparing.take('secret_key_in_browser', 'key'));
    expect(taken.filter((left) => left === 0)).toHaveLength(20);
    nowMs += 5_000;
    expect([1, 2].map(() => sparing.take('secret_key_in_browser', 'key'))).toEqual([2, null]);
  });
});
