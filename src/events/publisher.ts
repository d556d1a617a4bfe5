import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AppError } from '../common/app-error.js';
import { after, CommitTurns } from '../common/commit-turns.js';
import { Clock } from '../common/clock.js';
import { Activity } from '../common/metrics/activity.js';
import { AppConfig } from '../config/app-config.js';
import { Database } from '../database/database.js';
import { isRefusedValue, isTransient } from '../database/sql-errors.js';
import { HandOffs } from '../deliveries/hand-offs.js';
import { LaneSignals } from '../deliveries/lane-signals.js';
import { handedLanes, lanesToWake } from './handed-deliveries.js';
import { IngestRepository, type PublishReceipt } from './ingest.repository.js';
import { IngestMemory } from './ingest-memory.js';
import { ledgerKey, type PublishOutcome, type PublishResult, type PublishUnit } from './ingest-snapshot.js';
import { publishArguments, writesNothing } from './publish-arguments.js';
import { assembleBody, planPublish, type PlannedOutcome, type PublishPlan } from './publish-plan.js';
import { touchesExpiring } from './retention/expiring-operations.js';
import { snapshotRequest } from './snapshot-request.js';

/** A flush takes no further unit once it has this many events. */
const FLUSH_EVENTS = 500;
const MAX_LOCKED_ATTEMPTS = 3;
const STORED_UNREADABLE = 'The event is known, but it cannot be read this moment; send it again.';

/** A plan with what the database gave it; null: there was nothing to write. */
export interface WrittenPlan {
  readonly plan: PublishPlan;
  readonly receipt: PublishReceipt | null;
}

interface WaitingUnit {
  readonly unit: PublishUnit;
  readonly ledgers: readonly string[];
  readonly resolve: (result: PublishResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: what arrives while a commit is under way goes together into the next one. A ledger is in one flush of
 * this process at a time, so only other processes can move it between a flush's read, or what this process remembers,
 * and its write; a flush that meets such a change is done again, at last under the ledgers' locks, and then nothing can move.
 */
@Injectable()
export class EventPublisher implements OnApplicationShutdown {
  private waiting: WaitingUnit[] = [];
  private readonly memory = new IngestMemory();
  private readonly busyLedgers = new Set<string>();
  private readonly turns = new CommitTurns(after, () => this.startFlushes());
  private scheduled = false;
  private idle: (() => void)[] = [];

  constructor(
    private readonly repository: IngestRepository,
    private readonly database: Database,
    private readonly lanes: LaneSignals,
    private readonly handOffs: HandOffs,
    private readonly config: AppConfig,
    private readonly activity: Activity,
    private readonly clock: Clock,
  ) {}

  /** Resolves once the unit's events are committed; rejects when that cannot be said. */
  publish(unit: PublishUnit): Promise<PublishResult> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ unit, ledgers: ledgersOf(unit), resolve, reject });
      this.schedule();
    });
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.waiting.length === 0 && this.turns.isIdle) return;
    await new Promise<void>((resolve) => this.idle.push(resolve));
  }

  /** After the event loop has read what lies ready in other sockets, so that it goes together. */
  private schedule(): void {
    if (this.scheduled || !this.turns.mayBegin(this.waitingEvents())) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.startFlushes();
    });
  }

  private startFlushes(): void {
    while (this.turns.mayBegin(this.waitingEvents())) {
      const taken = this.take();
      if (taken.length === 0) break;
      this.turns.begin();
      void this.run(taken);
    }
    if (this.waiting.length === 0 && this.turns.isIdle) this.idle.splice(0).forEach((resolve) => resolve());
  }

  private waitingEvents(): number {
    return this.waiting.reduce((sum, { unit }) => sum + unit.items.length, 0);
  }

  /** Units in the order of arrival whose ledgers are in no other flush; a unit's turn is not overtaken on its ledgers. */
  private take(): WaitingUnit[] {
    const taken: WaitingUnit[] = [];
    const left: WaitingUnit[] = [];
    const blocked = new Set<string>();
    let events = 0;
    for (const waiting of this.waiting) {
      const isFree = waiting.ledgers.every((ledger) => !this.busyLedgers.has(ledger) && !blocked.has(ledger));
      const fits = taken.length === 0 || events + waiting.unit.items.length <= FLUSH_EVENTS;
      if (isFree && fits) {
        taken.push(waiting);
        events += waiting.unit.items.length;
      } else {
        left.push(waiting);
        waiting.ledgers.forEach((ledger) => blocked.add(ledger));
      }
    }
    this.waiting = left;
    for (const { ledgers } of taken) ledgers.forEach((ledger) => this.busyLedgers.add(ledger));
    return taken;
  }

  private async run(taken: WaitingUnit[]): Promise<void> {
    try {
      await this.flush(taken);
    } catch (error) {
      taken.forEach(({ reject }) => reject(error));
    } finally {
      for (const { ledgers } of taken) ledgers.forEach((ledger) => this.busyLedgers.delete(ledger));
      this.turns.end();
      this.startFlushes();
    }
  }

  private async flush(taken: WaitingUnit[]): Promise<void> {
    const written = await this.writeOrPart(taken);
    if (written === null) return;
    const { plan, receipt } = written;
    if (receipt !== null) this.activity.add('events', plan.events.length);
    if (receipt !== null && receipt.lanes.length > 0) this.lanes.wake(lanesToWake(receipt.lanes));
    const bodies = await this.readBodies(plan, receipt !== null);
    plan.units.forEach((planned, index) => {
      const waiting = taken[index]!;
      if (planned === null) {
        this.waiting.unshift(waiting);
        return;
      }
      if (bodies === null && !planned.outcomes.some((outcome) => 'planned' in outcome)) {
        waiting.reject(new AppError('unavailable', STORED_UNREADABLE));
        return;
      }
      const outcomes = planned.outcomes.map((outcome) => toOutcome(outcome, receipt, bodies));
      waiting.resolve({ outcomes, replayed: planned.replayed });
    });
  }

  /** Null: they cannot be read now, which must not hide what was committed. */
  private async readBodies(plan: PublishPlan, isCommitted: boolean): Promise<ReadonlyMap<string, string> | null> {
    try {
      return await this.repository.readBodies(storedEvents(plan));
    } catch (error) {
      if (!isCommitted) throw error;
      return null;
    }
  }

  /** Null: the database refused the values of one unit, so each was flushed by itself, and that one fails alone. */
  private async writeOrPart(taken: WaitingUnit[]): Promise<WrittenPlan | null> {
    try {
      return await this.write(taken.map(({ unit }) => unit));
    } catch (error) {
      if (taken.length === 1 || !isRefusedValue(error)) throw error;
    }
    for (const waiting of taken) await this.flush([waiting]).catch(waiting.reject);
    return null;
  }

  private async write(units: PublishUnit[]): Promise<WrittenPlan> {
    const written = (await this.writeGuessed(units)) ?? (await this.writeRead(units));
    if (written.receipt !== null) this.memory.remember(written.plan);
    return written;
  }

  /** From what this process remembers, without reading first; null: that cannot be, or was wrong. */
  private async writeGuessed(units: PublishUnit[]): Promise<WrittenPlan | null> {
    const snapshot = this.memory.guess(snapshotRequest(units), this.clock.monotonicMs());
    if (snapshot === null) return null;
    const plan = planPublish(units, snapshot);
    // What is refused is refused for what the database says.
    if (refusesAny(plan) || writesNothing(plan) || touchesExpiring(plan, this.config.retentionDays)) return null;
    const receipt = await this.writeUnlocked(plan);
    if (receipt === null) this.memory.guessedWrong();
    else this.memory.guessedRight();
    return receipt && { plan, receipt };
  }

  private async writeRead(units: PublishUnit[]): Promise<WrittenPlan> {
    const snapshot = await this.repository.readSnapshot(snapshotRequest(units));
    this.memory.learnTime(snapshot.nowMs, this.clock.monotonicMs());
    const plan = planPublish(units, snapshot);
    if (writesNothing(plan)) return { plan, receipt: null };
    if (touchesExpiring(plan, this.config.retentionDays)) return this.writeLocked(units);
    const receipt = await this.writeUnlocked(plan);
    return receipt === null ? this.writeLocked(units) : { plan, receipt };
  }

  /** With deliveries handed over to the dispatcher of this process, where it has room. Null: it has to be done again. */
  private async writeUnlocked(plan: PublishPlan): Promise<PublishReceipt | null> {
    const tenants = plan.ledgers.map(({ tenant }) => tenant);
    const offer = this.handOffs.offer(tenants, plan.events.length);
    let receipt: PublishReceipt | null = null;
    try {
      receipt = await this.repository.publish(publishArguments(plan, offer));
    } catch (error) {
      offer?.abandon();
      this.memory.forget(plan);
      if (isTransient(error)) return null;
      throw error;
    }
    if (receipt === null) offer?.decline();
    else offer?.accept(handedLanes(plan, receipt));
    return receipt;
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
   * what is read stays true to the commit. Waking the lanes of the receipt after the commit is the caller's.
   */
  async publishLocked(units: PublishUnit[], manager: EntityManager): Promise<WrittenPlan> {
    const request = snapshotRequest(units);
    await this.repository.lockLedgers(request.ledgers, manager);
    const plan = planPublish(units, await this.repository.readSnapshot(request, manager));
    if (writesNothing(plan)) return { plan, receipt: null };
    const receipt = await this.repository.publish(publishArguments(plan), manager);
    if (receipt === null) throw new AppError('unavailable', 'The account is being written to; try again.');
    return { plan, receipt };
  }
}

function ledgersOf(unit: PublishUnit): string[] {
  const ledgers = new Set<string>();
  for (const item of unit.items) if (!(item instanceof AppError)) ledgers.add(ledgerKey(item.tenant));
  return [...ledgers];
}

function refusesAny({ units }: PublishPlan): boolean {
  return units.some((unit) => unit?.outcomes.some(({ kind }) => kind === 'refused'));
}

function storedEvents(plan: PublishPlan): { tenant: { accountId: string; mode: 'test' | 'live' }; eventId: string }[] {
  return plan.units.flatMap((unit) =>
    (unit?.outcomes ?? []).flatMap((outcome) => ('stored' in outcome ? [outcome.stored] : [])),
  );
}

function toOutcome(
  outcome: PlannedOutcome,
  receipt: PublishReceipt | null,
  bodies: ReadonlyMap<string, string> | null,
): PublishOutcome {
  if (outcome.kind === 'refused') return outcome;
  if ('planned' in outcome) {
    return { kind: outcome.kind, body: assembleBody(outcome.planned, receipt!.ledgers[outcome.planned.ledger]!) };
  }
  if (bodies === null) return { kind: 'refused', error: new AppError('unavailable', STORED_UNREADABLE) };
  const body = bodies.get(outcome.stored.eventId);
  if (body === undefined) return { kind: 'refused', error: new AppError('expired') };
  return { kind: outcome.kind, body };
}
