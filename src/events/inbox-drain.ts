import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../auth/caller.js';
import { AppError } from '../common/app-error.js';
import { Database } from '../database/database.js';
import { isRefusedValue } from '../database/sql-errors.js';
import type { LaneId } from '../deliveries/lane-signals.js';
import type { AcceptedEvent } from './accepted-event.js';
import { EventAcceptance } from './event-acceptance.js';
import { EventWriter } from './event-writer.js';
import { InboxRefusals, type RefusedRow } from './inbox-refusals.js';
import { InboxRepository, type InboxEvent } from './inbox.repository.js';

/** Each may have 256 KiB, and all of them are in memory at once. */
const EVENTS_A_RUN = 200;

export interface InboxRun {
  readonly published: number;
  readonly refused: number;
  /** The lanes to wake, and the accounts and modes to tell others of, now that all is committed. */
  readonly lanes: readonly LaneId[];
  readonly tenants: readonly Tenant[];
}

const NOTHING: InboxRun = { published: 0, refused: 0, lanes: [], tenants: [] };

/**
 * Publishes rows of the inbox by the ordinary ingest: an event leaves it in the transaction that publishes it, so none
 * is lost and none comes twice, whoever dies. One process drains at a time, so an account's rows keep their order.
 */
@Injectable()
export class InboxDrain {
  constructor(
    private readonly repository: InboxRepository,
    private readonly writer: EventWriter,
    private readonly acceptance: EventAcceptance,
    private readonly refusals: InboxRefusals,
    private readonly database: Database,
  ) {}

  /** Drains up to `limit` rows; nothing while another process drains. */
  async run(limit = EVENTS_A_RUN): Promise<InboxRun> {
    let rows: InboxEvent[] = [];
    try {
      return await this.database.transaction(async (manager) => {
        if (!(await this.repository.lock(manager))) return NOTHING;
        rows = await this.repository.take(limit, manager);
        if (rows.length === 0) return NOTHING;
        const items: (AcceptedEvent | AppError)[] = [];
        for (const row of rows) items.push(await this.accept(row, manager));
        const unit = { isBatch: true, items, idempotency: null };
        const { plan, receipt } = await this.writer.publishLocked([unit], manager);
        const outcomes = plan.units[0]!.outcomes;
        const refused = outcomes.flatMap((outcome, index): RefusedRow[] =>
          outcome.kind === 'refused' ? [{ row: rows[index]!, error: outcome.error }] : [],
        );
        const published = rows.filter((_, index) => outcomes[index]!.kind !== 'refused').map((row) => row.position);
        await this.repository.remove(published, manager);
        await this.refusals.keep(refused, manager);
        return {
          published: published.length,
          refused: refused.length,
          lanes: receipt?.lanes.map(({ lane }) => lane) ?? [],
          tenants: plan.ledgers.map(({ tenant }) => tenant),
        };
      });
    } catch (error) {
      if (rows.length === 0 || !isRefusedValue(error)) throw error;
      // One row must not hold up all that come behind it.
      return rows.length > 1 ? this.run(1) : this.refuse(rows[0]!, error);
    }
  }

  private async accept(row: InboxEvent, manager: EntityManager): Promise<AcceptedEvent | AppError> {
    try {
      return await this.acceptance.acceptFromInbox(row, manager);
    } catch (error) {
      if (error instanceof AppError) return error;
      throw error;
    }
  }

  private refuse(failed: InboxEvent, cause: unknown): Promise<InboxRun> {
    const error = new AppError('internal', 'The database does not take this event.', { cause });
    return this.database.transaction(async (manager) => {
      if (!(await this.repository.lock(manager))) return NOTHING;
      const [row] = await this.repository.take(1, manager);
      if (row?.position !== failed.position) return NOTHING;
      await this.refusals.keep([{ row, error }], manager);
      return { ...NOTHING, refused: 1 };
    });
  }
}
