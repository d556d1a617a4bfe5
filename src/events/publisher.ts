import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { type Tenant, tenantKey } from '../auth/caller.js';
import { AppError } from '../common/app-error.js';
import { after, CommitTurns } from '../common/commit-turns.js';
import { Activity } from '../common/metrics/activity.js';
import { isRefusedValue } from '../database/sql-errors.js';
import { LaneSignals } from '../deliveries/lane-signals.js';
import { EventWriter, type WrittenPlan } from './event-writer.js';
import { lanesToWake } from './handed-deliveries.js';
import { IngestRepository, type PublishReceipt } from './ingest.repository.js';
import type { PublishOutcome, PublishResult, PublishUnit } from './ingest-snapshot.js';
import { PublishNotices } from './publish-notices.js';
import { assembleBody, type PlannedOutcome, type PublishPlan } from './publish-plan.js';

/** A flush takes no further unit once it has this many events. */
const FLUSH_EVENTS = 500;
const STORED_UNREADABLE = 'The event is known, but it cannot be read this moment; send it again.';

interface WaitingUnit {
  readonly unit: PublishUnit;
  readonly ledgers: readonly string[];
  readonly resolve: (result: PublishResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: what arrives while a commit is under way goes together into the next one. A ledger is in one flush of
 * this process at a time, so that a flush seldom meets a change behind what it was planned from.
 */
@Injectable()
export class EventPublisher implements OnApplicationShutdown {
  private waiting: WaitingUnit[] = [];
  private readonly busyLedgers = new Set<string>();
  private readonly turns = new CommitTurns(after, () => this.startFlushes());
  private scheduled = false;
  private idle: (() => void)[] = [];

  constructor(
    private readonly writer: EventWriter,
    private readonly repository: IngestRepository,
    private readonly lanes: LaneSignals,
    private readonly notices: PublishNotices,
    private readonly activity: Activity,
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

  /**
   * Units in the order of arrival whose ledgers are in no other flush; a unit's turn is not overtaken on its ledgers.
   */
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
    if (receipt !== null) this.tell(plan, receipt);
    if (written.isHandedOver) await letWebhooksLeave();
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

  private tell(plan: PublishPlan, { lanes }: PublishReceipt): void {
    this.activity.add('events', plan.events.length);
    if (lanes.length > 0) this.lanes.wake(lanesToWake(lanes));
    this.notices.tell(plan.ledgers.map(({ tenant }) => tenant));
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
      return await this.writer.write(taken.map(({ unit }) => unit));
    } catch (error) {
      if (taken.length === 1 || !isRefusedValue(error)) throw error;
    }
    for (const waiting of taken) await this.flush([waiting]).catch(waiting.reject);
    return null;
  }
}

/**
 * What was handed over is sent before its publish is answered, where its endpoint is known and a connection to it is
 * free: undici writes on a kept one a turn of the event loop later, for it looks first whether the receiver closed it.
 */
async function letWebhooksLeave(): Promise<void> {
  await nextTurn(); // They take their connections before it, and are written in the same phase as it, behind it.
  await nextTurn();
}

function ledgersOf(unit: PublishUnit): string[] {
  const ledgers = new Set<string>();
  for (const item of unit.items) if (!(item instanceof AppError)) ledgers.add(tenantKey(item.tenant));
  return [...ledgers];
}

function storedEvents(plan: PublishPlan): { tenant: Tenant; eventId: string }[] {
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
