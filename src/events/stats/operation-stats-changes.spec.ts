import fc from 'fast-check';
import { type Tenant, tenantKey } from '../../auth/caller.js';
import type { AcceptedEvent } from '../accepted-event.js';
import { objectKey, type IngestSnapshot } from '../ingest-snapshot.js';
import type { OperationState } from '../operation-state.js';
import { planPublish } from '../publish-plan.js';
import { operationStatsChanges } from './operation-stats-changes.js';
import { periodStartMs, STATS_PERIODS } from './stats-periods.js';

const NOW = Date.parse('2026-11-22T00:10:00.000Z');
const TENANTS: readonly Tenant[] = [
  { accountId: '0198c0de-0000-7000-8000-000000000001', mode: 'test' },
  { accountId: '0198c0de-0000-7000-8000-000000000001', mode: 'live' },
];
const HUGE = Number.MAX_SAFE_INTEGER;

const report = fc.record(
  {
    id: fc.constantFrom('a', 'b', 'c', 'd'),
    kind: fc.constantFrom('payment', 'payment', 'collect'),
    status: fc.constantFrom('pending', 'succeeded', 'failed', 'refunded'),
    amount: fc.constantFrom(null, 0, 5, 1_000, HUGE),
    currency: fc.constantFrom(null, 'XOF', 'EUR'),
  },
  { requiredKeys: ['id', 'kind', 'status'] },
);
const event = fc
  .record({ tenant: fc.constantFrom(...TENANTS), operation: fc.option(report), agoMs: fc.nat(40 * 60_000) })
  .map(({ tenant, operation, agoMs }): AcceptedEvent => {
    return {
      tenant,
      locale: 'en',
      publisher: {
        source: 'platform',
        actor: { type: 'admin', id: 'ops', name: 'ops' },
        ip: null,
        apiKeyId: null,
        requestId: 'req_1',
      },
      type: 'payment.pending',
      externalId: null,
      contentHash: null,
      occurredAtMs: NOW - agoMs,
      operation,
      data: {},
    };
  });

describe('the changes of the sums', () => {
  it('add up to a recount of the operations after every flush, whatever was merged, refused or late', () => {
    fc.assert(
      fc.property(fc.array(fc.array(event, { maxLength: 12 }), { maxLength: 8 }), (flushes) => {
        const operations = new Map<string, OperationState>();
        const sums = new Map<string, { count: number; amount: bigint }>();
        for (const items of flushes) {
          const plan = planPublish([{ isBatch: true, items, idempotency: null }], snapshotOf(operations));
          const changes = operationStatsChanges(plan.operations.values());
          const rows = changes.map((c) => [c.ledger, c.period, c.startMs, c.kind, c.status, c.currency].join());
          expect(new Set(rows).size).toBe(rows.length);
          for (const { ledger, period, startMs, kind, status, currency, count, amount } of changes) {
            const tenant = plan.ledgers[ledger]!.tenant;
            addTo(sums, [tenantKey(tenant), period, startMs, kind, status, currency].join(), count, amount);
          }
          for (const [key, { state }] of plan.operations) operations.set(key, state);
          expect(sums).toEqual(recount(operations));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('are none where nothing that is counted changed', () => {
    const [item] = fc.sample(event, 1);
    const operation = { id: 'a', kind: 'payment', status: 'pending', amount: 5 };
    const items = [{ ...item!, operation }];
    const first = planPublish([{ isBatch: true, items, idempotency: null }], snapshotOf(new Map()));
    const known = new Map([...first.operations].map(([key, { state }]) => [key, state]));
    const again = planPublish([{ isBatch: true, items, idempotency: null }], snapshotOf(known));
    expect(again.events).toHaveLength(1);
    expect(operationStatsChanges(again.operations.values())).toEqual([]);
  });
});

function snapshotOf(operations: ReadonlyMap<string, OperationState>): IngestSnapshot {
  const ledgers = new Map(TENANTS.map((tenant) => [tenantKey(tenant), { sequence: 0, erasures: 0 }]));
  return { nowMs: NOW, ledgers, operations, externalIds: new Map(), answers: new Map() };
}

function recount(operations: ReadonlyMap<string, OperationState>): Map<string, { count: number; amount: bigint }> {
  const sums = new Map<string, { count: number; amount: bigint }>();
  for (const tenant of TENANTS) {
    for (const id of ['a', 'b', 'c', 'd']) {
      const state = operations.get(objectKey(tenant, id));
      if (state === undefined) continue;
      const { kind, status, currency, amount, createdAtMs } = state;
      for (const period of STATS_PERIODS) {
        const start = periodStartMs(period, createdAtMs);
        const key = [tenantKey(tenant), period, start, kind, status, currency ?? ''].join();
        addTo(sums, key, 1, BigInt(amount ?? 0));
      }
    }
  }
  return sums;
}

/** A row that came back to nothing is as good as none. */
function addTo(sums: Map<string, { count: number; amount: bigint }>, key: string, count: number, amount: bigint): void {
  const sum = sums.get(key) ?? { count: 0, amount: 0n };
  const after = { count: sum.count + count, amount: sum.amount + amount };
  if (after.count === 0 && after.amount === 0n) sums.delete(key);
  else sums.set(key, after);
}
