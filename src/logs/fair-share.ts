import type { NewLog } from './log-writer.js';

/**
 * The `most` logs that stay of more, in their order: the oldest go of the accounts that hold more than their share, so
 * that none loses a log to the flood of another. The platform counts as an account.
 */
export function keepFairShares(logs: readonly NewLog[], most: number): NewLog[] {
  let excess = logs.length - most;
  const held = new Map<string, number>();
  for (const { accountId } of logs) held.set(accountId, (held.get(accountId) ?? 0) + 1);
  const share = fairShare([...held.values()], most);
  return logs.filter(({ accountId }) => {
    const ofAccount = held.get(accountId)!;
    if (excess <= 0 || ofAccount <= share) return true;
    held.set(accountId, ofAccount - 1);
    excess -= 1;
    return false;
  });
}

/** What nobody has to give up logs below: room that some do not use is shared by the others. */
function fairShare(counts: number[], most: number): number {
  let left = most;
  counts.sort((a, b) => a - b);
  for (const [index, count] of counts.entries()) {
    const share = Math.floor(left / (counts.length - index));
    if (count > share) return share;
    left -= count;
  }
  return most;
}
