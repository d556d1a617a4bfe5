import type { Tenant } from '../auth/caller.js';
import type { SnapshotRequest } from './ingest.repository.js';
import { ledgerKey, objectKey } from './ingest-snapshot.js';
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
    memory.learnTime(NOW, 0);
  });
  const known = () => memory.guess(asked('col_1'), 0)?.operations.get(KEY)?.status;

  it('guesses nothing of a ledger that this process has not written to', () => {
    expect(memory.guess(asked(), 0)).toBeNull();
  });

  it('knows operations as they were written last, and takes others for new ones', () => {
    memory.remember(written(operation('pending')));
    memory.remember(written(operation('succeeded')));
    const guess = memory.guess(asked('col_1', 'col_2'), 0)!;
    expect(guess.operations).toEqual(new Map([[KEY, operation('succeeded')]]));
    expect([guess.nowMs, guess.ledgers]).toEqual([NOW, new Map([[ledgerKey(TENANT), { sequence: -1, erasures: 0 }]])]);
  });

  it('does not use what it learnt before an erasure in the ledger', () => {
    memory.remember(written(operation('pending')));
    memory.remember({ ...written(operation('pending'), 1), operations: new Map() });
    expect(memory.guess(asked('col_1'), 0)!.operations).toEqual(new Map());
    memory.remember(written(operation('failed'), 1));
    expect(known()).toBe('failed');
  });

  it('keeps no long metadata, also where it kept the operation before', () => {
    memory.remember(written(operation('pending')));
    memory.remember(written(operation('succeeded', { note: 'x'.repeat(2_048) })));
    expect(memory.guess(asked('col_1'), 0)!.operations).toEqual(new Map());
  });

  it('forgets what may not have been committed', () => {
    memory.remember(written(operation('pending')));
    memory.forget(written(operation('succeeded')));
    expect(memory.guess(asked('col_1'), 0)!.operations).toEqual(new Map());
  });

  it('goes by the clock of the database as it was last read, and guesses nothing long after', () => {
    memory.remember(written(operation('pending')));
    const timeAt = (monotonicMs: number) => memory.guess(asked(), monotonicMs)?.nowMs;
    expect([timeAt(0), timeAt(2.9), timeAt(10_001)]).toEqual([NOW, NOW + 2, undefined]);
    memory.learnTime(NOW + 90, 100); // Ten milliseconds on the way: the one before was told sooner.
    expect(timeAt(100)).toBe(NOW + 100);
    memory.learnTime(NOW + 205, 200);
    expect(timeAt(10_200)).toBe(NOW + 10_205);
  });

  it('knows that no report comes before the one that it wrote last', () => {
    memory.remember(
      written(applyReport(null, { id: 'col_1', kind: 'collect', status: 'pending' }, NOW + 7, NOW + 7).state),
    );
    expect(memory.guess(asked('col_1'), 0)!.nowMs).toBe(NOW + 7);
  });

  it('is asked less and less while it is wrong, and at each flush again once it is right', () => {
    memory.remember(written(operation('pending')));
    const readsUntilNextGuess = () => {
      let reads = 0;
      while (known() === undefined) reads += 1;
      return reads;
    };
    const afterWrong = Array.from({ length: 9 }, () => {
      memory.guessedWrong();
      return readsUntilNextGuess();
    });
    expect(afterWrong).toEqual([1, 2, 4, 8, 16, 32, 64, 64, 64]);
    memory.guessedRight();
    memory.guessedWrong();
    expect(readsUntilNextGuess()).toBe(1);
  });
});
