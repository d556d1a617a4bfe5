import { tryDecodeId } from '../common/ids.js';
import { BUILT_IN_TYPES, type EventType } from './built-in-event-types.js';
import { renderSampleEvent } from './sample-event.js';

const TENANT = { accountId: '0192f7a0-0000-7000-8000-000000000001', mode: 'test' as const };
const NOW_MS = Date.UTC(2026, 10, 2);
const KEYS = [
  ...['id', 'object', 'account', 'mode', 'type', 'source', 'external_id', 'sequence', 'occurred_at', 'created_at'],
  ...['operation', 'data'],
];

describe('renderSampleEvent', () => {
  it.each(BUILT_IN_TYPES)('gives a whole event of $type, now and with an id of its own', (type) => {
    const { id, body } = renderSampleEvent(type, TENANT, NOW_MS);
    const event = JSON.parse(body) as Record<string, Record<string, unknown>>;
    expect(Object.keys(event)).toEqual(KEYS);
    expect(event).toMatchObject({ id, type: type.type, mode: 'test', sequence: 0 });
    expect(event.created_at).toBe('2026-11-02T00:00:00.000Z');
    expect(tryDecodeId('evt', id)).not.toBeNull();
    const [kind, status] = type.type.split('.');
    if (event.operation) expect(event.operation).toMatchObject({ kind, status, version: 1, stale: false });
    expect(Object.keys(event.data!).length).toBeGreaterThan(0);
  });

  it('gives a type without a sample an empty `data`, and one with a sample of its own that', () => {
    const custom: EventType = {
      ...BUILT_IN_TYPES[0]!,
      type: 'payout.sent',
      builtIn: false,
      sample: null,
    };
    expect(JSON.parse(renderSampleEvent(custom, TENANT, NOW_MS).body)).toMatchObject({ operation: null, data: {} });
    const operation = { id: 'pay_1', kind: 'payment', status: 'refunded' };
    const sample = { type: 'payout.sent', operation, data: { a: 1 }, occurred_at: '2020-01-01T00:00:00Z' };
    const event = JSON.parse(renderSampleEvent({ ...custom, sample }, TENANT, NOW_MS).body) as object;
    expect(event).toMatchObject({ operation, data: { a: 1 }, occurred_at: '2026-11-02T00:00:00.000Z' });
  });
});
