import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AppError } from '../../common/app-error.js';
import { Clock } from '../../common/clock.js';
import { newUuid, uuidTime } from '../../common/ids.js';
import { retentionStartMs } from '../../common/retention.js';
import { AppConfig } from '../../config/app-config.js';
import type { LaneId } from '../lane-signals.js';
import { type DeliveryAct, DeliveryJournal } from './delivery-journal.js';
import { type HeldEndpoint, type NewDelivery, ResendsRepository } from './resends.repository.js';

/** The event that is sent again; its id is a uuid. */
export interface ResentEvent {
  readonly id: string;
  readonly type: string;
  readonly operationId: string | null;
}

/** The ids of the deliveries made, and the lanes to wake once they are committed. */
export interface Resent {
  readonly ids: readonly string[];
  readonly lanes: readonly LaneId[];
}

/** Makes new deliveries of an event by hand. They stand outside the order of operations. */
@Injectable()
export class ResendsService {
  constructor(
    private readonly repository: ResendsRepository,
    private readonly journal: DeliveryJournal,
    private readonly config: AppConfig,
    private readonly clock: Clock,
  ) {}

  /** After `endpoint` is held. @throws AppError `endpoint_disabled`, `expired`. */
  async retry(
    act: DeliveryAct,
    event: ResentEvent,
    endpoint: HeldEndpoint,
    previousDeliveryId: string,
    manager: EntityManager,
  ): Promise<Resent> {
    assertEnabled(endpoint);
    return this.make(act, 'retry', event, [{ endpoint, previousDeliveryId }], manager);
  }

  /**
   * To the endpoint named, whatever event types it takes, or to every enabled one that takes the event's type now.
   * @throws AppError `not_found` (the endpoint), `endpoint_disabled`, `expired`.
   */
  async redeliver(
    act: DeliveryAct,
    event: ResentEvent,
    endpointId: string | null,
    manager: EntityManager,
  ): Promise<Resent> {
    const endpoints =
      endpointId === null
        ? await this.repository.holdMatching(act.caller, event.type, manager)
        : [await this.holdNamed(act, endpointId, manager)];
    if (endpoints.length === 0) return { ids: [], lanes: [] };
    const latest = await this.repository.findLatest(act.caller, event.id, manager);
    const wanted = endpoints.map((endpoint) => ({ endpoint, previousDeliveryId: latest.get(endpoint.id) ?? null }));
    return this.make(act, 'redeliver', event, wanted, manager);
  }

  private async holdNamed({ caller }: DeliveryAct, id: string, manager: EntityManager): Promise<HeldEndpoint> {
    const endpoint = await this.repository.hold(caller, id, manager);
    if (endpoint === null) throw new AppError('not_found', 'There is no such webhook endpoint.');
    assertEnabled(endpoint);
    return endpoint;
  }

  private async make(
    act: DeliveryAct,
    trigger: 'retry' | 'redeliver',
    event: ResentEvent,
    wanted: readonly { readonly endpoint: HeldEndpoint; readonly previousDeliveryId: string | null }[],
    manager: EntityManager,
  ): Promise<Resent> {
    const now = this.clock.now();
    const isKept = uuidTime(event.id) >= retentionStartMs(now, this.config.retentionDays);
    const deliveries = wanted.map(({ endpoint, previousDeliveryId }, index): NewDelivery => ({
      id: newUuid(now.getTime(), index),
      endpointId: endpoint.id,
      previousDeliveryId,
    }));
    const endpointIds = deliveries.map(({ endpointId }) => endpointId);
    const lanes = await this.repository.wake(act.caller, endpointIds, manager);
    const made = isKept ? await this.repository.insert(act.caller, event.id, trigger, deliveries, manager) : 0;
    if (made === 0) throw new AppError('expired', 'The event is older than the retention.');
    const acted = deliveries.map(({ id, endpointId }, index) => ({
      id,
      endpointId,
      eventId: event.id,
      operationId: event.operationId,
      url: wanted[index]!.endpoint.url,
    }));
    await this.journal.record(act, trigger === 'retry' ? 'retried' : 'redelivered', acted, manager);
    return { ids: deliveries.map(({ id }) => id), lanes };
  }
}

function assertEnabled(endpoint: HeldEndpoint): void {
  if (!endpoint.is_enabled) throw new AppError('endpoint_disabled');
}
