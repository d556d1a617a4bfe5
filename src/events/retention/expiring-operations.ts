import { DAY_MS } from '../../common/time.js';
import type { PublishPlan } from '../publish-plan.js';

/**
 * Whether a plan changes an operation that retention may take away this moment. A deletion does not move the ledger's
 * sequence, so only a plan that is made under the ledger's lock can be sure of such an operation.
 * An operation's last event was accepted at the time of its state or later; a day is for clocks that differ.
 */
export function touchesExpiring({ operations, nowMs }: PublishPlan, retentionDays: number): boolean {
  const latestMs = nowMs - (retentionDays - 1) * DAY_MS;
  for (const { before } of operations.values()) if (before !== null && before.updatedAtMs < latestMs) return true;
  return false;
}
