import { type Tenant, tenantKey } from '../auth/caller.js';
import type { SnapshotRequest } from './ingest.repository.js';
import { objectKey } from './ingest-snapshot.js';
import { IngestMemory } from './ingest-memory.js';
import { applyReport, type OperationState } from './operation-state.js';
import type { PublishPlan } from './publish-plan.js';

const NOW = Date.UTC(2026, 10, 2);
const TENANT: Tenant = { accountId: '0198c0de-0000-7000-8000-000000000001', mode: 'live' };
const KEY = objectKey(TENANT, 'col_1');

const operation = (status: string, metadata = {}): OperationState =>
  applyReport(null, { id: 'col_1', kind: 'collect', status, metadata }, NOW, NOW).state;
const asked = (...ids: string[]): SnapshotRequest => ({
  ledgers: [TENANT],
  operations: ids.map((id) => ({ tenant: TENANT, id })),
  externalIds: [],
  requests: [],
});
function written(state: OperationState, erasures = 0): PublishPlan {
  const planned = { ledger: 0, expectedVersion: 0, before: null, state, lastIdTail: '' };
  const ledgers = [{ tenant: TENANT, expected: { sequence: 4, erasures }, count: 1 }];
  return { nowMs: NOW, ledgers, events: [], operations: new Map([[KEY, planned]]), requests: [], units: [] };
}

describe('IngestMemory', () => {
  let memory: IngestMemory;
  beforeEach(() => {
    memory = new IngestMemory();
    memory.learnTime(NOW, 0, 0);
  });
  const known = () => memory.guess(asked('col_1'), 0)?.operations.get(KEY)?.status;

  it('guesses nothing of a ledger that this process has not written to', () => {
    expect(memory.guess(asked(), 0)).toBeNull();
  });

  it('knows operations as they were written last, and takes others for new ones', () => {
    memory.remember(written(operation('pending')), 0);
    memory.remember(written(operation('succeeded')), 0);
    const guess = memory.guess(asked('col_1', 'col_2'), 0)!;
    expect(guess.operations).toEqual(new Map([[KEY, operation('succeeded')]]));
    expect([guess.nowMs, guess.ledgers]).toEqual([NOW, new Map([[tenantKey(TENANT), { sequence: -1, erasures: 0 }]])]);
  });

  it('does not use what it learnt before an erasure in the ledger', () => {
    memory.remember(written(operation('pending')), 0);
    memory.remember({ ...written(operation('pending'), 1), operations: new Map() }, 0);
    expect(memory.guess(asked('col_1'), 0)!.operations).toEqual(new Map());
    memory.remember(written(operation('failed'), 1), 0);
    expect(known()).toBe('failed');
  });

  it('keeps no long metadata, also where it kept the operation before', () => {
    memory.remember(written(operation('pending')), 0);
    memory.remember(written(operation('succeeded', { note: 'x'.repeat(2_048) })), 0);
    expect(memory.guess(asked('col_1'), 0)!.operations).toEqual(new Map());
  });

  it('forgets what may not have been committed', () => {
    memory.remember(written(operation('pending')), 0);
    memory.forget(written(operation('succeeded')));
    expect(memory.guess(asked('col_1'), 0)!.operations).toEqual(new Map());
  });

  it('goes by the clock of the database as it was last read, and guesses nothing long after', () => {
    memory.remember(written(operation('pending')), 0);
    const timeAt = (monotonicMs: number) => memory.guess(asked(), monotonicMs)?.nowMs;
    expect([timeAt(0), timeAt(2.9), timeAt(10_001)]).toEqual([NOW, NOW + 2, undefined]);
    memory.learnTime(NOW + 90, 90, 100); // Ten milliseconds on the way: the one before was told sooner.
    expect(timeAt(100)).toBe(NOW + 100);
    memory.learnTime(NOW + 205, 200, 200);
    expect(timeAt(10_200)).toBe(NOW + 10_205);
  });

  it('learns no time from an answer that was long on its way, as after a process was frozen', () => {
    memory.remember(written(operation('pending')), 0);
    memory.learnTime(NOW + 5_000, 5_000, 25_000);
    expect(memory.guess(asked(), 25_000)).toBeNull();
  });

  it('takes the time anew after a wrong guess, also when it stands before what was known', () => {
    memory.remember(written(operation('pending')), 0);
    memory.guessedWrong(written(operation('pending')));
    expect([memory.guess(asked(), 0), memory.guess(asked(), 0)]).toEqual([null, null]);
    memory.learnTime(NOW - 3_000, 0, 0);
    expect(memory.guess(asked(), 0)!.nowMs).toBe(NOW - 3_000);
  });

  it('remembers an operation for ten minutes', () => {
    memory.remember(written(operation('pending')), 0);
    memory.learnTime(NOW + 600_000, 600_000, 600_000);
    expect(memory.guess(asked('col_1'), 600_000)!.operations.size).toBe(1);
    expect(memory.guess(asked('col_1'), 600_001)!.operations.size).toBe(0);
  });

  it('knows that no report comes before the one that it wrote last', () => {
    memory.remember(
      written(applyReport(null, { id: 'col_1', kind: 'collect', status: 'pending' }, NOW + 7, NOW + 7).state),
      0,
    );
    expect(memory.guess(asked('col_1'), 0)!.nowMs).toBe(NOW + 7);
  });

  it('is asked less and less while it is wrong in a ledger, and at each flush again once it is right', () => {
    const plan = written(operation('pending'));
    const other: PublishPlan = {
      ...plan,
      ledgers: [{ ...plan.ledgers[0]!, tenant: { ...TENANT, mode: 'test' } }],
      operations: new Map(),
    };
    memory.remember(plan, 0);
    memory.remember(other, 0);
    const readsAfterWrong = () => {
      memory.guessedWrong(plan);
      memory.learnTime(NOW, 0, 0);
      let reads = 0;
      while (known() === undefined) reads += 1;
      return reads;
    };
    expect(Array.from({ length: 9 }, readsAfterWrong)).toEqual([1, 2, 4, 8, 16, 32, 64, 64, 64]);
    memory.guessedWrong(plan);
    memory.learnTime(NOW, 0, 0);
    expect(memory.guess({ ...asked(), ledgers: [other.ledgers[0]!.tenant] }, 0)).not.toBeNull();
    memory.guessedRight(plan);
    expect(readsAfterWrong()).toBe(1);
  });
});
