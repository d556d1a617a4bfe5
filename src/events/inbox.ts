import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { AppError } from '../common/app-error.js';
import { Database } from '../database/database.js';
import type { AcceptedEvent } from './accepted-event.js';
import { EventAcceptance } from './event-acceptance.js';
import { InboxWakeUps } from './inbox-wake-ups.js';
import { InboxRepository, type InboxError, type InboxEvent } from './inbox.repository.js';
import { EventPublisher } from './publisher.js';

const TICK_MS = 1_000;
const EVENTS_A_RUN = 500;

export interface InboxCounts {
  readonly published: number;
  readonly refused: number;
}

/**
 * Publishes what the inbox holds: an event leaves it in the transaction that publishes it, so none is lost and none
 * comes twice, whoever dies. Several processes may drain it; rows that one holds the others skip.
 */
@Injectable()
export class Inbox implements OnApplicationBootstrap {
  private readonly logger = new Logger(Inbox.name);
  private running = false;
  private again = false;

  constructor(
    private readonly repository: InboxRepository,
    private readonly publisher: EventPublisher,
    private readonly acceptance: EventAcceptance,
    private readonly database: Database,
    private readonly wakeUps: InboxWakeUps,
  ) {}

  onApplicationBootstrap(): void {
    this.wakeUps.onNotice(() => void this.tick());
  }

  @Interval(TICK_MS)
  async tick(): Promise<void> {
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = true;
    try {
      do {
        this.again = false;
        const { published, refused } = await this.runOnce();
        if (published + refused === EVENTS_A_RUN) this.again = true;
      } while (this.again);
    } catch (error) {
      this.logger.error(`The inbox could not be drained; it is tried again: ${(error as Error).message}`);
    } finally {
      this.running = false;
    }
  }

  async runOnce(): Promise<InboxCounts> {
    const { counts, lanes } = await this.database.transaction(async (manager) => {
      const rows = await this.repository.take(EVENTS_A_RUN, manager);
      if (rows.length === 0) return { counts: { published: 0, refused: 0 }, lanes: [] };
      const accepted = await Promise.all(rows.map((row) => this.accept(row)));
      const { plan, receipt } = await this.publisher.publishLocked(
        [{ isBatch: true, items: accepted, idempotency: null }],
        manager,
      );
      const outcomes = plan.units[0]!.outcomes;
      const refused = outcomes.flatMap((outcome, index): InboxError[] => {
        if (outcome.kind !== 'refused') return [];
        const { code, detail, errors } = outcome.error;
        return [{ position: rows[index]!.position, code, detail, errors }];
      });
      const published = rows.filter((_, index) => outcomes[index]!.kind !== 'refused').map((row) => row.position);
      await this.repository.remove(published, manager);
      if (refused.length > 0) await this.repository.markRefused(refused, manager);
      return { counts: { published: published.length, refused: refused.length }, lanes: receipt?.lanes ?? [] };
    });
    if (lanes.length > 0) this.wakeUps.wakeLanes(lanes);
    return counts;
  }

  private async accept(row: InboxEvent): Promise<AcceptedEvent | AppError> {
    try {
      return await this.acceptance.acceptFromInbox(row);
    } catch (error) {
      if (error instanceof AppError) return error;
      throw error;
    }
  }
}
