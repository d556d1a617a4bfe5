// Run by `npm run test:faults` before it trusts the checker: every broken promise is seen.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge, judgeRepeats } from './checker.mjs';
import { percentile, Takeovers } from './takeovers.mjs';

const TIME_MS = Date.parse('2026-11-02T21:25:52Z');

/** Two events of one operation, published, and received by an ordered endpoint one after the other. */
function evidence() {
  const told = (n) => ({ id: `evt_${n}`, sequence: n, type: 'collect.pending', operationId: 'col_1' });
  const event = (n) => ({ ...told(n), external_id: `x-${n}`, operation: { id: 'col_1' } });
  const delivery = (n) => ({
    ...{ id: `del_${n}`, event_id: `evt_${n}`, endpoint_id: 'we_1', status: 'succeeded', status_reason: null },
    ...{ attempt_count: 1, next_attempt_at: null, ended_at: new Date(TIME_MS + n * 1_000).toISOString() },
  });
  return {
    endpoints: [{ id: 'we_1', hook: 'shop', eventTypes: ['collect.*'], isOrdered: true }],
    acknowledged: new Map([1, 2].map((n) => [`x-${n}`, told(n)])),
    attempted: new Set(['x-1', 'x-2']),
    events: [event(2), event(1)],
    deliveries: [delivery(2), delivery(1)],
    receipts: [receipt(1, { arrived: 1, answered: 2 }), receipt(2, { arrived: 3, answered: 4 })],
  };
}

function receipt(n, more) {
  const atMs = TIME_MS + n * 1_000;
  const common = {
    hook: 'shop',
    isMoved: false,
    eventId: `evt_${n}`,
    arrivedAtMs: atMs,
    signedAtMs: atMs,
    status: 200,
  };
  return { ...common, ...more };
}

function verdictAfter(change) {
  const changed = evidence();
  change(changed);
  return judge(changed);
}

test('a service that kept its promises is not blamed', () => {
  const { violations, ...counts } = judge(evidence());
  assert.deepEqual(violations, []);
  assert.deepEqual(counts, {
    ...{ acknowledged: 2, owed: 2, delivered: 2, ended: 0, lost: 0, duplicates: 0, inversions: 0, stuck: 0 },
    repeated: [],
  });
});

test('an arrival in the millisecond in which an earlier one ended is no inversion', () => {
  const { inversions } = verdictAfter(({ receipts, deliveries }) => {
    receipts[0].status = 500;
    const endedAt = new Date(receipts[1].arrivedAtMs + 1).toISOString();
    Object.assign(deliveries[1], { status: 'failed', status_reason: 'exhausted', ended_at: endedAt });
  });
  assert.equal(inversions, 0);
});

for (const [promise, count, change] of [
  ['a delivery that was never received', 'lost', ({ receipts }) => receipts.splice(1)],
  ['an answer of 500 that is taken for success', 'lost', ({ receipts }) => (receipts[1].status = 500)],
  [
    'a delivery that is nowhere',
    'lost',
    (all) => {
      all.receipts.splice(1);
      all.deliveries.splice(0, 1);
    },
  ],
  [
    'a delivery that never ends',
    'stuck',
    (all) => {
      all.receipts.splice(1);
      Object.assign(all.deliveries[0], { status: 'pending', ended_at: null });
    },
  ],
  ['a later event before the answer to an earlier one', 'inversions', ({ receipts }) => (receipts[0].answered = 3.5)],
  [
    'a later event before an earlier one had ended without an answer',
    'inversions',
    ({ receipts, deliveries }) => {
      receipts[0].status = 500;
      Object.assign(deliveries[1], { status: 'failed', status_reason: 'exhausted' });
      deliveries[1].ended_at = new Date(TIME_MS + 2_002).toISOString();
    },
  ],
]) {
  test(`${promise} is seen`, () => {
    const verdict = verdictAfter(change);
    assert.equal(verdict[count], 1);
    assert.ok(verdict.violations.length > 0);
  });
}

for (const [promise, change] of [
  ['a gap in the sequence', ({ events }) => (events[0].sequence = 3)],
  ['an external_id that happened twice', ({ events }) => (events[0].external_id = 'x-1')],
  ['an event that nobody published', ({ attempted }) => attempted.delete('x-2')],
  ['an acknowledgement of another event', ({ acknowledged }) => (acknowledged.get('x-1').id = 'evt_9')],
  ['an acknowledged event that is gone', ({ acknowledged }) => acknowledged.set('x-3', { id: 'evt_3', sequence: 3 })],
  ['two deliveries of one event', ({ deliveries }) => deliveries.push({ ...deliveries[0], id: 'del_9' })],
  ['a redirect that was followed', ({ receipts }) => (receipts[0].isMoved = true)],
  ['a signature of another time', ({ receipts }) => (receipts[0].signedAtMs += 400_000)],
]) {
  test(`${promise} is seen`, () => assert.ok(verdictAfter(change).violations.length > 0));
}

test('what is sent again after a 2xx is a duplicate, and what is sent again after a failure is none', () => {
  const { duplicates, repeated, violations } = verdictAfter(({ receipts }) => {
    receipts.unshift(receipt(1, { arrived: 0.1, answered: 0.2, status: 500 }));
    receipts.push(receipt(1, { arrived: 9, answered: 10 }));
  });
  assert.deepEqual([duplicates, repeated, violations], [1, [{ deliveryId: 'del_1', duplicates: 1 }], []]);
});

test('a repeat that failed has to be sent again, and is one duplicate', () => {
  const { duplicates, violations } = verdictAfter(({ receipts }) => {
    receipts.push(receipt(1, { arrived: 9, answered: 10, status: 500 }));
    receipts.push(receipt(1, { arrived: 11, answered: null, status: null }));
    receipts.push(receipt(1, { arrived: 12, answered: 13 }));
  });
  assert.deepEqual([duplicates, violations], [1, []]);
});

test('a delivery is sent again after a 2xx as often as it was in the air at a fault, or its answer was lost', () => {
  const repeated = [{ deliveryId: 'del_1', duplicates: 2 }];
  const verdict = (orphaned, lost) => judgeRepeats(repeated, { orphaned, lostAnswers: new Map([['del_1', lost]]) });
  assert.deepEqual(verdict(['del_1', 'del_1'], 0), []);
  assert.deepEqual(verdict(['del_1', 'del_2'], 1), []);
  assert.equal(verdict(['del_1', 'del_2'], 0).length, 1);
});

test('a delivery that ended for a reason is not lost', () => {
  const { ended, lost, violations } = verdictAfter(({ receipts, deliveries }) => {
    receipts.splice(1);
    Object.assign(deliveries[0], { status: 'failed', status_reason: 'poison' });
  });
  assert.deepEqual([ended, lost, violations], [1, 0, []]);
});

test('a takeover counts from the last death to the first arrival after its lease', () => {
  const takeovers = new Takeovers();
  const due = (leaseUntilMs) => [{ eventId: 'evt_1', endpointId: 'we_1', leaseUntilMs }];
  takeovers.died(1_000, due(8_000));
  takeovers.died(10_000, due(17_000));
  const arrivals = [1_500, 12_000, 18_000, 19_000];
  const receipts = arrivals.map((arrivedAtMs) => ({ eventId: 'evt_1', endpointId: 'we_1', arrivedAtMs }));
  assert.deepEqual(takeovers.measureMs(receipts), [8_000]);
});

test('a percentile is one of the values', () => {
  assert.equal(percentile([], 0.5), null);
  assert.deepEqual(
    [0.5, 0.99, 1].map((part) => percentile([3, 1, 2], part)),
    [2, 3, 3],
  );
});
