import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { decodeId } from '../common/ids.js';
import { ListResponse } from '../common/pagination.js';
import type { DeliveryAct } from '../deliveries/actions/delivery-journal.js';
import { ResendsService } from '../deliveries/actions/resends.service.js';
import type { DeliverySummaryResponse } from '../deliveries/deliveries.dto.js';
import { DeliveriesService } from '../deliveries/deliveries.service.js';
import type { LaneId } from '../deliveries/lane-signals.js';
import { EventsQueryService } from './events-query.service.js';
import type { RedeliverRequest } from './redeliver.dto.js';

/** The deliveries made, and the lanes to wake once they are committed. */
export interface Redelivered {
  readonly list: ListResponse<DeliverySummaryResponse>;
  readonly lanes: readonly LaneId[];
}

/** Sends an event again. */
@Injectable()
export class RedeliveryService {
  constructor(
    private readonly events: EventsQueryService,
    private readonly resends: ResendsService,
    private readonly deliveries: DeliveriesService,
  ) {}

  /**
   * @param id the event's uuid
   * @throws AppError `expired`, `not_found` (the event, or the endpoint named), `endpoint_disabled`.
   */
  async redeliver(act: DeliveryAct, id: string, body: RedeliverRequest, manager: EntityManager): Promise<Redelivered> {
    const event = JSON.parse(await this.events.get(act.caller, id, manager)) as {
      readonly type: string;
      readonly operation: { readonly id: string } | null;
    };
    const resent = { id, type: event.type, operationId: event.operation?.id ?? null };
    const endpointId = body.endpoint_id ? decodeId('we', body.endpoint_id) : null;
    const { ids, lanes } = await this.resends.redeliver(act, resent, endpointId, manager);
    const made = await this.deliveries.listByIds(act.caller, ids, manager);
    return { list: new ListResponse(made, false), lanes };
  }
}
