import { type After, CommitTurns } from '../common/commit-turns.js';
import { isRefusedValue } from '../database/sql-errors.js';
import type { LaneQueueRepository } from '../deliveries/lane-queue.repository.js';
import type { SettleEffect, Settlement } from '../deliveries/settle-arguments.js';

const SETTLE_ROWS = 500;
const RETRY_MS = 200;
/** Claims and publishes of one lease whose answers were lost, of which the last so many are remembered. */
const LOST_BATCHES = 50;

interface WaitingSettlement {
  readonly settlement: Settlement;
  readonly batch: number;
  readonly resolve: (effect: SettleEffect) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The lease ran out, or the session has ended: what was in the air is not recorded under it any more, and another
 * dispatcher may have taken it over.
 */
export class LeaseLostError extends Error {
  constructor() {
    super('The lease of this dispatcher is lost.');
    this.name = 'LeaseLostError';
  }
}

/** Settles in groups: what ends while a settle is under way goes together into the next one. */
export class Settler {
  private waiting: WaitingSettlement[] = [];
  /** Deliveries of each batch that are not settled yet. */
  private readonly open = new Map<number, number>();
  private finished: number[] = [];
  private lost: number[] = [];
  private readonly turns: CommitTurns;
  private scheduled = false;

  constructor(
    private readonly repository: LaneQueueRepository,
    private readonly token: string,
    private readonly after: After,
  ) {
    this.turns = new CommitTurns(after, () => this.schedule());
  }

  openBatch(batch: number, deliveries: number): void {
    this.open.set(batch, deliveries);
  }

  settle(batch: number, settlement: Settlement): Promise<SettleEffect> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ settlement, batch, resolve, reject });
      this.schedule();
    });
  }

  /** A delivery of the batch that was not sent: nothing to settle, but the batch counts one less. */
  release(batch: number): void {
    this.countDown(batch);
    this.schedule();
  }

  /**
   * The answer to this batch's claim or publish was lost, so nothing of it will be sent; whether it was recorded nobody
   * knows. It may be later, for a backend whose client is gone ends what it is doing. So every settle from now on
   * clears it.
   */
  forget(batch: number): void {
    this.lost = [...this.lost, batch].slice(-LOST_BATCHES);
    this.finished.push(batch);
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled || !this.turns.mayBegin(this.waitingRows())) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      while (this.turns.mayBegin(this.waitingRows())) {
        this.turns.begin();
        void this.run(this.waiting.splice(0, SETTLE_ROWS));
      }
    });
  }

  private waitingRows(): number {
    return this.waiting.length + this.finished.length;
  }

  private async run(group: WaitingSettlement[]): Promise<void> {
    let hasFailed = false;
    try {
      await this.settleGroup(group);
    } catch {
      hasFailed = true;
    }
    this.turns.end();
    // Batches alone are in no hurry: after a failure they go with the next settlement, or a moment later.
    if (this.waiting.length > 0 || (!hasFailed && this.finished.length > 0)) this.schedule();
    else if (this.finished.length > 0) this.after(RETRY_MS, () => this.schedule());
  }

  /**
   * A value that the database refuses fails the settlement that has it, not those beside it. A batch goes with the
   * group that alone holds what is open of it: another group beside this one may fail yet.
   * @throws what the settlements were rejected with
   */
  private async settleGroup(group: WaitingSettlement[]): Promise<void> {
    const counts = new Map<number, number>();
    for (const { batch } of group) counts.set(batch, (counts.get(batch) ?? 0) + 1);
    const ending = [...counts.keys()].filter((batch) => this.open.get(batch) === counts.get(batch));
    const finished = this.finished.splice(0);
    try {
      const effects = await this.repository.settle(
        this.token,
        [...new Set([...this.lost, ...finished, ...ending])],
        group.map(({ settlement }) => settlement),
      );
      if (effects === null) throw new LeaseLostError();
      for (const batch of ending) this.open.delete(batch);
      for (const [batch, count] of counts) if (this.open.has(batch)) this.countDown(batch, count);
      group.forEach(({ resolve }, index) => resolve(effects[index]!));
    } catch (error) {
      // Without the lease its batches are gone with it.
      if (!(error instanceof LeaseLostError)) this.finished.push(...finished);
      if (group.length > 1 && isRefusedValue(error)) {
        for (const waiting of group) await this.settleGroup([waiting]).catch(() => undefined);
        return;
      }
      group.forEach(({ reject }) => reject(error));
      throw error;
    }
  }

  private countDown(batch: number, deliveries = 1): void {
    const left = (this.open.get(batch) ?? 0) - deliveries;
    if (left > 0) {
      this.open.set(batch, left);
      return;
    }
    this.open.delete(batch);
    this.finished.push(batch);
  }
}
