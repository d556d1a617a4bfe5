import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../auth/caller.js';
import { AppError } from '../common/app-error.js';
import { Clock } from '../common/clock.js';
import { uuidTime } from '../common/ids.js';
import { type ListResponse, type PageQuery, toPage } from '../common/pagination.js';
import { retentionStartMs } from '../common/retention.js';
import { AppConfig } from '../config/app-config.js';
import type { DeliverySummaryResponse } from '../deliveries/deliveries.dto.js';
import { DeliveriesService } from '../deliveries/deliveries.service.js';
import { EventsQueryRepository } from './events-query.repository.js';
import { type EventsQuery, toEventFilters } from './events-query.dto.js';
import { rawList } from './raw-list.js';

/** Events as they are read: their stored bytes, within the retention. */
@Injectable()
export class EventsQueryService {
  constructor(
    private readonly repository: EventsQueryRepository,
    private readonly deliveries: DeliveriesService,
    private readonly config: AppConfig,
    private readonly clock: Clock,
  ) {}

  /** A list as JSON text. @throws AppError 422 for a reversed interval, a wrong cursor or a `q` without a word; 503. */
  async list(tenant: Tenant, query: EventsQuery): Promise<string> {
    const page = toPage(query, 'evt');
    const filters = toEventFilters(query, this.startMs());
    const events = await this.repository.list(tenant, filters, page);
    return rawList(
      events.map(({ body }) => body),
      page.limit,
      page.before !== null,
    );
  }

  /** The event as JSON text. @throws AppError `expired`, `not_found`. */
  async get(tenant: Tenant, id: string, manager?: EntityManager): Promise<string> {
    if (uuidTime(id) < this.startMs()) throw new AppError('expired', 'The event is older than the retention.');
    const body = await this.repository.findBody(tenant, id, manager);
    if (body === null) throw new AppError('not_found', 'There is no such event.');
    return body;
  }

  /** @throws AppError `expired`, `not_found`, 422 for a wrong cursor. */
  async listDeliveries(tenant: Tenant, id: string, query: PageQuery): Promise<ListResponse<DeliverySummaryResponse>> {
    const page = toPage(query, 'del');
    await this.get(tenant, id);
    return this.deliveries.listOfEvent(tenant, id, page);
  }

  private startMs(): number {
    return retentionStartMs(this.clock.now(), this.config.retentionDays);
  }
}
