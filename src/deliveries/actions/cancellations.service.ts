import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { LaneId } from '../lane-signals.js';
import { CancellationsRepository } from './cancellations.repository.js';
import { type DeliveryAct, DeliveryJournal } from './delivery-journal.js';
import { ResendsRepository } from './resends.repository.js';

/** Events looked at, and deliveries ended, by one statement. */
const BATCH = 500;

export interface Cancellation {
  readonly count: number;
  /** The lanes to wake once it is committed. */
  readonly lanes: readonly LaneId[];
}

/** Cancels whatever is still to be sent of an operation. */
@Injectable()
export class CancellationsService {
  constructor(
    private readonly repository: CancellationsRepository,
    private readonly resends: ResendsRepository,
    private readonly journal: DeliveryJournal,
  ) {}

  /**
   * Ends every unfinished delivery of the events as `cancelled_by_user`, and logs each. The events are all of their
   * operation and the caller holds the ledger, so none is left that could wait behind one of these for its turn.
   */
  async cancelAll(act: DeliveryAct, eventIds: readonly string[], manager: EntityManager): Promise<Cancellation> {
    const { caller } = act;
    const endpoints = await this.resends.holdEnabled(caller, manager);
    const urls = new Map(endpoints.map(({ id, url }) => [id, url]));
    const found = [];
    for (const some of batchesOf(eventIds)) found.push(...(await this.repository.find(caller, some, manager)));
    const pending = found.filter((delivery) => urls.has(delivery.endpoint_id));
    if (pending.length === 0) return { count: 0, lanes: [] };
    const lanes = await this.resends.wake(caller, [...new Set(pending.map((one) => one.endpoint_id))], manager);
    let count = 0;
    for (const some of batchesOf(pending.map(({ id }) => id).sort())) {
      const cancelled = await this.repository.cancel(caller, some, manager);
      const acted = cancelled.map((one) => ({
        id: one.id,
        eventId: one.event_id,
        operationId: one.operation_id,
        endpointId: one.endpoint_id,
        url: urls.get(one.endpoint_id)!,
      }));
      await this.journal.record(act, 'cancelled', acted, manager);
      count += cancelled.length;
    }
    return { count, lanes };
  }
}

function* batchesOf<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < all.length; start += BATCH) yield all.slice(start, start + BATCH);
}
