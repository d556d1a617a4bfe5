import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AppError } from '../common/app-error.js';
import { Clock } from '../common/clock.js';
import { AppConfig } from '../config/app-config.js';
import { Database } from '../database/database.js';
import { isRefusedValue, isTransient } from '../database/sql-errors.js';
import { HandOffs } from '../deliveries/hand-offs.js';
import { handedLanes } from './handed-deliveries.js';
import { IngestMemory } from './ingest-memory.js';
import { IngestRepository, type PublishReceipt } from './ingest.repository.js';
import type { PublishUnit } from './ingest-snapshot.js';
import { publishArguments, writesNothing } from './publish-arguments.js';
import { planPublish, type PublishPlan } from './publish-plan.js';
import { touchesExpiring } from './retention/expiring-operations.js';
import { snapshotRequest } from './snapshot-request.js';

const MAX_LOCKED_ATTEMPTS = 3;

/** A plan with what the database gave it; null: there was nothing to write. */
export interface WrittenPlan {
  readonly plan: PublishPlan;
  readonly receipt: PublishReceipt | null;
  /** Whether deliveries of it are with this process's dispatcher, which is about to send them. */
  readonly isHandedOver: boolean;
}

/**
 * Writes a flush in the cheapest way that holds: planned from what this process remembers; where that is not enough or
 * was wrong, from what is read; where the ledgers moved meanwhile, under their locks, and then nothing can move. A
 * ledger is in one call of `write` of the process at a time.
 */
@Injectable()
export class EventWriter {
  private readonly memory = new IngestMemory();

  constructor(
    private readonly repository: IngestRepository,
    private readonly database: Database,
    private readonly handOffs: HandOffs,
    private readonly config: AppConfig,
    private readonly clock: Clock,
  ) {}

  /** @throws what the database refuses; then nothing is written. */
  async write(units: PublishUnit[]): Promise<WrittenPlan> {
    const written = (await this.writeGuessed(units)) ?? (await this.writeRead(units));
    if (written.receipt !== null) this.memory.remember(written.plan, this.clock.monotonicMs());
    return written;
  }

  /** From what this process remembers, without reading first; null: that cannot be, or was wrong. */
  private async writeGuessed(units: PublishUnit[]): Promise<WrittenPlan | null> {
    const snapshot = this.memory.guess(snapshotRequest(units), this.clock.monotonicMs());
    if (snapshot === null) return null;
    const plan = planPublish(units, snapshot);
    // What is refused is refused for what the database says.
    if (refusesAny(plan) || writesNothing(plan) || touchesExpiring(plan, this.config.retentionDays)) return null;
    const written = await this.writeUnlocked(plan);
    if (written === null) this.memory.guessedWrong(plan);
    else this.memory.guessedRight(plan);
    return written;
  }

  private async writeRead(units: PublishUnit[]): Promise<WrittenPlan> {
    const askedAtMs = this.clock.monotonicMs();
    const snapshot = await this.repository.readSnapshot(snapshotRequest(units));
    this.memory.learnTime(snapshot.nowMs, askedAtMs, this.clock.monotonicMs());
    const plan = planPublish(units, snapshot);
    if (writesNothing(plan)) return { plan, receipt: null, isHandedOver: false };
    if (touchesExpiring(plan, this.config.retentionDays)) return this.writeLocked(units);
    return (await this.writeUnlocked(plan)) ?? this.writeLocked(units);
  }

  /**
   * With deliveries handed over to the dispatcher of this process, where it has room. Null: it has to be done again.
   */
  private async writeUnlocked(plan: PublishPlan): Promise<WrittenPlan | null> {
    const offer = this.handOffs.offer(plan.ledgers);
    let receipt: PublishReceipt | null = null;
    try {
      receipt = await this.repository.publish(publishArguments(plan, offer));
    } catch (error) {
      this.memory.forget(plan);
      // PostgreSQL said so, and undid it all; else nobody knows.
      if (isTransient(error) || isRefusedValue(error)) offer?.decline();
      else offer?.abandon();
      if (isTransient(error)) return null;
      throw error;
    }
    if (receipt === null) {
      offer?.decline();
      return null;
    }
    const handed = offer === null ? [] : handedLanes(plan, receipt);
    offer?.accept(handed);
    return { plan, receipt, isHandedOver: handed.length > 0 };
  }

  /** Under the ledgers' locks only an idempotency key can still get its answer from elsewhere, and only once. */
  private async writeLocked(units: PublishUnit[]): Promise<WrittenPlan> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.database.transaction((manager) => this.publishLocked(units, manager));
      } catch (error) {
        const mayPass = error instanceof AppError && error.code === 'unavailable';
        if (!mayPass || attempt === MAX_LOCKED_ATTEMPTS) throw error;
      }
    }
  }

  /**
   * Publishes within the caller's transaction, the certain way and a round trip longer: with the ledgers locked first,
   * what is read stays true to the commit. Waking the lanes of the receipt and telling other processes, after the
   * commit, are the caller's.
   */
  async publishLocked(units: PublishUnit[], manager: EntityManager): Promise<WrittenPlan> {
    const request = snapshotRequest(units);
    await this.repository.lockLedgers(request.ledgers, manager);
    const plan = planPublish(units, await this.repository.readSnapshot(request, manager));
    if (writesNothing(plan)) return { plan, receipt: null, isHandedOver: false };
    const receipt = await this.repository.publish(publishArguments(plan), manager);
    if (receipt === null) throw new AppError('unavailable', 'The account is being written to; try again.');
    return { plan, receipt, isHandedOver: false };
  }
}

function refusesAny({ units }: PublishPlan): boolean {
  return units.some((unit) => unit?.outcomes.some(({ kind }) => kind === 'refused'));
}
