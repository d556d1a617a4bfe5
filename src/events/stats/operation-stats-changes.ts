import type { OperationState } from '../operation-state.js';
import type { PlannedOperation } from '../publish-plan.js';
import { periodStartMs, STATS_PERIODS, type StatsPeriod } from './stats-periods.js';

/** What is added to one row of operation_stats. */
export interface OperationStatsChange {
  /** Index in the plan's ledgers. */
  readonly ledger: number;
  readonly period: StatsPeriod;
  readonly startMs: number;
  readonly kind: string;
  readonly status: string;
  /** '' for none. */
  readonly currency: string;
  count: number;
  /** Beyond 2^53 where many large ones meet; an operation without an amount adds nothing. */
  amount: bigint;
}

/**
 * How the operations of a flush move the sums: each leaves the row it was counted in and joins another, or the same.
 */
export function operationStatsChanges(operations: Iterable<PlannedOperation>): OperationStatsChange[] {
  const changes = new Map<string, OperationStatsChange>();
  for (const { ledger, before, state } of operations) {
    if (before !== null && isCountedAlike(before, state)) continue;
    for (const period of STATS_PERIODS) {
      if (before !== null) add(changes, ledger, period, before, -1);
      add(changes, ledger, period, state, 1);
    }
  }
  return [...changes.values()].filter(({ count, amount }) => count !== 0 || amount !== 0n);
}

/** Kind and creation never change. */
function isCountedAlike(before: OperationState, after: OperationState): boolean {
  return (
    before.status === after.status && before.currency === after.currency && (before.amount ?? 0) === (after.amount ?? 0)
  );
}

function add(
  changes: Map<string, OperationStatsChange>,
  ledger: number,
  period: StatsPeriod,
  { kind, status, currency, amount, createdAtMs }: OperationState,
  sign: 1 | -1,
): void {
  const startMs = periodStartMs(period, createdAtMs);
  const key = `${ledger} ${period} ${startMs} ${kind} ${status} ${currency ?? ''}`;
  const empty = { ledger, period, startMs, kind, status, currency: currency ?? '', count: 0, amount: 0n };
  const change = changes.get(key) ?? empty;
  change.count += sign;
  change.amount += BigInt(sign * (amount ?? 0));
  changes.set(key, change);
}
