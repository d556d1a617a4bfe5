import fc from 'fast-check';
import { applyReport, findConflict, type OperationReport, type OperationState } from './operation-state.js';

const NOW = Date.parse('2026-11-22T12:00:00.000Z');
const customer = { name: 'Adjoua N.', email: null, phone: '+22971510758' };
const full: OperationReport = {
  id: 'col_1',
  kind: 'collect',
  status: 'failed',
  amount: 1000,
  currency: 'XOF',
  reference: 'INV-1',
  channel: 'mtn_bj',
  customer,
  cause: { code: 'insufficient_funds', description: 'Balance too low' },
  metadata: { order: 'A-77' },
};
const report = (changes: Partial<OperationReport> = {}): OperationReport => ({
  id: 'col_1',
  kind: 'collect',
  status: 'failed',
  ...changes,
});
const stateOf = (first: OperationReport): OperationState => applyReport(null, first, NOW - 1000, NOW).state;
const next = (changes: Partial<OperationReport>, occurredAtMs = NOW) =>
  applyReport(stateOf(full), report(changes), occurredAtMs, NOW);

describe('an operation', () => {
  it('begins with its first event, what was left out being null and metadata {}', () => {
    const { state, snapshot, stale, previousStatus } = applyReport(null, report(), NOW - 5, NOW);
    expect(state).toEqual({
      ...{ id: 'col_1', kind: 'collect', status: 'failed', version: 1, amount: null, currency: null, reference: null },
      ...{ channel: null, customer: null, cause: null, metadata: {}, createdAtMs: NOW - 5, updatedAtMs: NOW - 5 },
    });
    expect(snapshot).toEqual(state);
    expect([stale, previousStatus]).toEqual([false, null]);
  });

  it('keeps what an event leaves out', () => {
    const { state, previousStatus } = next({});
    expect(state).toEqual({ ...stateOf(full), version: 2, updatedAtMs: NOW });
    expect(previousStatus).toBe('failed');
  });

  it('loses what an event gives as null; metadata becomes {}', () => {
    const cleared = { amount: null, reference: null, channel: null, customer: null, cause: null, metadata: null };
    expect(next(cleared).state).toMatchObject({ ...cleared, metadata: {}, currency: 'XOF' });
  });

  it('takes 0 as an amount, not as one left out', () => {
    expect(next({ amount: 0 }).state.amount).toBe(0);
  });

  it('has its customer and its metadata replaced whole', () => {
    const { state } = next({ customer: { email: 'a@example.com' }, metadata: { basket: 2 } });
    expect(state.customer).toEqual({ name: null, email: 'a@example.com', phone: null });
    expect(state.metadata).toEqual({ basket: 2 });
  });

  it('loses its cause with a change of status that gives none, and keeps it while the status stays', () => {
    expect(next({ status: 'pending' }).state.cause).toBeNull();
    expect(next({ status: 'failed' }).state.cause).toEqual(full.cause);
    expect(next({ status: 'pending', cause: { code: 'queued' } }).state.cause).toEqual({
      code: 'queued',
      description: null,
    });
  });

  it.each([{ code: null, description: null }, { code: null }, {}])('has no cause when %j is given', (cause) => {
    expect(next({ cause }).state.cause).toBeNull();
  });
});

describe('the time that counts', () => {
  it('makes an earlier event stale: it moves the counter alone and carries what it reported', () => {
    const before = stateOf(full);
    const late = applyReport(before, report({ status: 'pending', amount: 900 }), NOW - 1001, NOW);
    expect(late.stale).toBe(true);
    expect(late.state).toEqual({ ...before, version: 2 });
    expect(late.snapshot).toMatchObject({ status: 'pending', amount: 900, version: 2, cause: null });
    expect(late.previousStatus).toBe('failed');
  });

  it('does not make an event of the same millisecond stale', () => {
    const { stale, state } = next({ status: 'succeeded' }, NOW - 1000);
    expect([stale, state.status]).toEqual([false, 'succeeded']);
  });

  it('is never later than acceptance, so that a fast clock does not hold a state for ever', () => {
    const fast = applyReport(null, full, NOW + 600_000, NOW);
    expect(fast.state).toMatchObject({ createdAtMs: NOW + 600_000, updatedAtMs: NOW });
    const after = applyReport(fast.state, report({ status: 'succeeded' }), NOW + 1, NOW + 1);
    expect([after.stale, after.state.status]).toEqual([false, 'succeeded']);
  });

  it('leaves created_at with the first accepted event, whatever comes later', () => {
    expect(next({}, NOW - 9000).state.createdAtMs).toBe(NOW - 1000);
    expect(next({}, NOW).state.createdAtMs).toBe(NOW - 1000);
  });
});

describe('findConflict', () => {
  it('finds a kind that would change', () => {
    expect(findConflict(stateOf(full), report({ kind: 'payment' }))).toEqual({
      field: 'kind',
      current: 'collect',
      reported: 'payment',
    });
  });

  it.each(['XAF', null])('finds a currency that would become %s', (currency) => {
    expect(findConflict(stateOf(full), report({ currency }))).toMatchObject({ field: 'currency', reported: currency });
  });

  it('lets the first currency come late, and the same one again', () => {
    expect(findConflict(stateOf(report()), report({ currency: 'XOF' }))).toBeNull();
    expect(findConflict(stateOf(full), report({ currency: 'XOF' }))).toBeNull();
    expect(findConflict(null, full)).toBeNull();
  });
});

describe('the order of arrival', () => {
  const statuses = fc.constantFrom('pending', 'succeeded', 'failed', 'refunded', 'expired', 'cancelled');
  const whole = fc.record({
    occurredAtMs: fc.integer({ min: NOW - 86_400_000, max: NOW }),
    status: statuses,
    amount: fc.nat(),
    code: fc.option(fc.constantFrom('expired', 'refused')),
  });
  type Reported = typeof whole extends fc.Arbitrary<infer T> ? T : never;

  const endOf = (events: readonly Reported[]): OperationState =>
    events.reduce<OperationState | null>((state, { occurredAtMs, status, amount, code }) => {
      const given: OperationReport = { ...full, status, amount, cause: code === null ? null : { code } };
      return applyReport(state, given, occurredAtMs, NOW).state;
    }, null)!;

  it('does not matter for where an operation ends when each event gives all fields and has its own time', () => {
    const shuffled = fc
      .uniqueArray(whole, { selector: ({ occurredAtMs }) => occurredAtMs, minLength: 1, maxLength: 12 })
      .chain((events) => fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length })));
    fc.assert(
      fc.property(shuffled, ([events, arrived]) => {
        const { createdAtMs: _, ...end } = endOf(arrived);
        const { createdAtMs: __, ...expected } = endOf([...events].sort((a, b) => a.occurredAtMs - b.occurredAtMs));
        expect(end).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  /** `steps` are what each event found and left, in the order of arrival. */
  const stepsOf = (events: readonly Reported[]) => {
    let state: OperationState | null = null;
    return events.map(({ occurredAtMs, status, amount, code }) => {
      const before: OperationState | null = state;
      const given: OperationReport = { ...full, status, amount, cause: code === null ? null : { code } };
      const applied = applyReport(before, given, occurredAtMs, NOW);
      state = applied.state;
      return { before, given, occurredAtMs, applied };
    });
  };
  /** Few times, so that many are the same. */
  const tied = fc.array(
    whole.map((event) => ({ ...event, occurredAtMs: NOW - (event.occurredAtMs % 4) * 1_000 })),
    { minLength: 1, maxLength: 12 },
  );

  it('decides between events of one time, the last one to arrive standing; none of them is stale', () => {
    fc.assert(
      fc.property(tied, (events) => {
        const latestMs = Math.max(...events.map(({ occurredAtMs }) => occurredAtMs));
        const { status, amount } = events.filter(({ occurredAtMs }) => occurredAtMs === latestMs).at(-1)!;
        const steps = stepsOf(events);
        expect(steps.at(-1)!.applied.state).toMatchObject({
          ...{ status, amount, updatedAtMs: latestMs, version: events.length, createdAtMs: events[0]!.occurredAtMs },
        });
        for (const { before, occurredAtMs, applied } of steps) {
          expect(applied.stale).toBe(before !== null && occurredAtMs < before.updatedAtMs);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('makes a late event stale: nothing but the counter moves, and it carries what it reported, a refund too', () => {
    fc.assert(
      fc.property(tied, (events) => {
        for (const { before, given, applied } of stepsOf(events)) {
          expect(applied.previousStatus).toBe(before?.status ?? null);
          expect(applied.state.version).toBe((before?.version ?? 0) + 1);
          expect(applied.snapshot).toMatchObject({ status: given.status, amount: given.amount });
          if (applied.stale) expect(applied.state).toEqual({ ...before, version: before!.version + 1 });
          else expect(applied.state).toEqual(applied.snapshot);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('never turns the state back in time, also with a clock that runs ahead of acceptance', () => {
    const ahead = fc.array(
      fc.record({ event: whole, aheadMs: fc.integer({ min: -600_000, max: 600_000 }), waitMs: fc.nat(60_000) }),
      { minLength: 1, maxLength: 12 },
    );
    fc.assert(
      fc.property(ahead, (arrivals) => {
        let acceptedAtMs = NOW;
        let state: OperationState | null = null;
        for (const { event, aheadMs, waitMs } of arrivals) {
          acceptedAtMs += waitMs;
          const given: OperationReport = { ...full, status: event.status, amount: event.amount };
          const { state: next } = applyReport(state, given, acceptedAtMs + aheadMs, acceptedAtMs);
          expect(next.updatedAtMs).toBeLessThanOrEqual(acceptedAtMs);
          if (state !== null) expect(next.updatedAtMs).toBeGreaterThanOrEqual(state.updatedAtMs);
          state = next;
        }
      }),
      { numRuns: 500 },
    );
  });
});
