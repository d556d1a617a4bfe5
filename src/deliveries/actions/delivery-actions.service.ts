import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AppError } from '../../common/app-error.js';
import { decodeId } from '../../common/ids.js';
import type { DeliveryResponse } from '../deliveries.dto.js';
import { DeliveriesService } from '../deliveries.service.js';
import type { LaneId } from '../lane-signals.js';
import { DeliveryActionsRepository, type PendingRef } from './delivery-actions.repository.js';
import { type DeliveryAct, type DeliveryAction, DeliveryJournal } from './delivery-journal.js';
import { type HeldEndpoint, ResendsRepository } from './resends.repository.js';
import { ResendsService } from './resends.service.js';

/** A delivery after an act on it, and the lanes to wake once that is committed. */
export interface ActedOn {
  readonly delivery: DeliveryResponse;
  readonly lanes: readonly LaneId[];
}

/** What stands before an act, everything locked that could change it. */
interface Found {
  readonly shown: DeliveryResponse;
  readonly endpoint: HeldEndpoint | null;
  /** Null once it has ended. */
  readonly pending: PendingRef | null;
  readonly lanes: readonly LaneId[];
}

/** Retry and cancel: what people do to one delivery. */
@Injectable()
export class DeliveryActionsService {
  constructor(
    private readonly deliveries: DeliveriesService,
    private readonly repository: DeliveryActionsRepository,
    private readonly resendsRepository: ResendsRepository,
    private readonly resends: ResendsService,
    private readonly journal: DeliveryJournal,
  ) {}

  /**
   * Of an unfinished one: itself, due now. Of an ended one: a new one.
   * @throws AppError `not_found` (the delivery, or its endpoint), `endpoint_disabled`, `expired`.
   */
  async retry(act: DeliveryAct, id: string, manager: EntityManager): Promise<ActedOn> {
    const { shown, endpoint, pending, lanes } = await this.find(act, id, manager);
    if (endpoint === null) throw new AppError('not_found', "The delivery's webhook endpoint was deleted.");
    if (pending === null) {
      const event = {
        id: decodeId('evt', shown.event_id),
        type: shown.event_type,
        operationId: shown.operation_id,
      };
      const resent = await this.resends.retry(act, event, endpoint, id, manager);
      return { delivery: await this.deliveries.get(act.caller, resent.ids[0]!, manager), lanes: resent.lanes };
    }
    await this.repository.makeDue(act.caller, id, manager);
    await this.record(act, 'retried', pending, endpoint, manager);
    return { delivery: await this.deliveries.get(act.caller, id, manager), lanes };
  }

  /** @throws AppError `not_found`, `delivery_ended`. */
  async cancel(act: DeliveryAct, id: string, manager: EntityManager): Promise<ActedOn> {
    const { endpoint, pending, lanes } = await this.find(act, id, manager);
    if (pending === null || endpoint === null) throw new AppError('delivery_ended');
    await this.repository.cancel(act.caller, pending, manager);
    await this.record(act, 'cancelled', pending, endpoint, manager);
    return { delivery: await this.deliveries.get(act.caller, id, manager), lanes };
  }

  /** Locks endpoint, lane and delivery, in this order, as everyone who takes more than one of them does. */
  private async find({ caller }: DeliveryAct, id: string, manager: EntityManager): Promise<Found> {
    const shown = await this.deliveries.get(caller, id, manager);
    const endpointId = decodeId('we', shown.endpoint_id);
    const endpoint = await this.resendsRepository.hold(caller, endpointId, manager);
    if (shown.status !== 'pending' || endpoint === null) return { shown, endpoint, pending: null, lanes: [] };
    const lanes = await this.resendsRepository.wake(caller, [endpointId], manager);
    const locked = await this.repository.lockPending(caller, id, manager);
    // One of an earlier epoch reads as skipped since its endpoint was disabled, though its row may still stand.
    const isLive = locked !== null && endpoint.is_enabled && locked.endpoint_epoch === endpoint.epoch;
    return { shown, endpoint, pending: isLive ? locked : null, lanes };
  }

  private async record(
    act: DeliveryAct,
    action: DeliveryAction,
    pending: PendingRef,
    { url }: HeldEndpoint,
    manager: EntityManager,
  ): Promise<void> {
    const acted = {
      id: pending.id,
      eventId: pending.event_id,
      operationId: pending.operation_id,
      endpointId: pending.endpoint_id,
      url,
    };
    await this.journal.record(act, action, [acted], manager);
  }
}
