import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../auth/caller.js';
import { AppError } from '../common/app-error.js';
import { Clock } from '../common/clock.js';
import { uuidTime } from '../common/ids.js';
import { type ListResponse, type Page, toList, toPage } from '../common/pagination.js';
import { retentionStartMs } from '../common/retention.js';
import { AppConfig } from '../config/app-config.js';
import { DeliveriesQueryRepository } from './deliveries-query.repository.js';
import type { DeliveryFilters } from './delivery-list.js';
import {
  DeliveriesQuery,
  type DeliveryResponse,
  type DeliverySummaryResponse,
  toDeliveryFilters,
  toDeliveryResponse,
  toDeliverySummaryResponse,
} from './deliveries.dto.js';

/** Deliveries as people read them: within the retention, unfinished and ended ones alike. */
@Injectable()
export class DeliveriesService {
  constructor(
    private readonly repository: DeliveriesQueryRepository,
    private readonly config: AppConfig,
    private readonly clock: Clock,
  ) {}

  /** @throws AppError 422 for a reversed interval or a wrong cursor. */
  async list(tenant: Tenant, query: DeliveriesQuery): Promise<ListResponse<DeliverySummaryResponse>> {
    const page = toPage(query, 'del');
    return this.read(tenant, toDeliveryFilters(query, this.startMs()), page);
  }

  /** Every delivery of one event, whose id is a uuid, newest first. */
  async listOfEvent(tenant: Tenant, eventId: string, page: Page): Promise<ListResponse<DeliverySummaryResponse>> {
    const filters = { ...toDeliveryFilters(new DeliveriesQuery(), this.startMs()), eventIds: [eventId] };
    return this.read(tenant, filters, page);
  }

  /** Those of these uuids that there are, in the order given, without their attempts. */
  async listByIds(tenant: Tenant, ids: readonly string[], manager: EntityManager): Promise<DeliverySummaryResponse[]> {
    const rows = new Map((await this.repository.findAll(tenant, ids, manager)).map((row) => [row.id, row]));
    return ids.flatMap((id) => {
      const row = rows.get(id);
      return row ? [toDeliverySummaryResponse(row, tenant.mode)] : [];
    });
  }

  /** @throws AppError `not_found`. */
  async get(tenant: Tenant, id: string, manager?: EntityManager): Promise<DeliveryResponse> {
    const isKept = uuidTime(id) >= this.startMs();
    const row = isKept ? await this.repository.find(tenant, id, this.attemptsFrom(), manager) : null;
    if (!row) throw new AppError('not_found', 'There is no such delivery.');
    return toDeliveryResponse(row, tenant.mode);
  }

  private async read(
    tenant: Tenant,
    filters: DeliveryFilters,
    page: Page,
  ): Promise<ListResponse<DeliverySummaryResponse>> {
    const rows = await this.repository.list(tenant, filters, page);
    return toList(rows, page.limit, (row) => toDeliverySummaryResponse(row, tenant.mode), page.before !== null);
  }

  private startMs(): number {
    return retentionStartMs(this.clock.now(), this.config.retentionDays);
  }

  /** The time from which attempts are shown. */
  private attemptsFrom(): Date {
    return new Date(retentionStartMs(this.clock.now(), this.config.attemptRetentionDays));
  }
}
