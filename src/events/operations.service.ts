import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../auth/caller.js';
import { AppError } from '../common/app-error.js';
import { Clock } from '../common/clock.js';
import { firstUuidAt } from '../common/ids.js';
import { OPERATION_ID_PATTERN } from '../common/operation-id.js';
import { assertOneCursor, type ListResponse, toList } from '../common/pagination.js';
import { retentionStartMs } from '../common/retention.js';
import { AppConfig } from '../config/app-config.js';
import {
  type OperationResponse,
  type OperationsQuery,
  toOperationFilters,
  toOperationResponse,
} from './operations.dto.js';
import { OperationsRepository, type OperationRow } from './operations.repository.js';

/** Operations as their events left them; one whose last event passed the retention is gone. */
@Injectable()
export class OperationsService {
  constructor(
    private readonly repository: OperationsRepository,
    private readonly config: AppConfig,
    private readonly clock: Clock,
  ) {}

  /** @throws AppError 422 for an unknown cursor, a reversed interval or a `q` without a word. */
  async list(tenant: Tenant, query: OperationsQuery): Promise<ListResponse<OperationResponse>> {
    assertOneCursor(query);
    const { limit, starting_after: after = null, ending_before: before = null } = query;
    const filters = toOperationFilters(query, this.startMs());
    assertId(after, 'starting_after');
    assertId(before, 'ending_before');
    const rows = await this.repository.list(tenant, filters, { limit, after, before });
    if (rows.length === 0) await this.assertCursor(tenant, after, before);
    return toList(rows, limit, (row) => toOperationResponse(row, tenant.mode), before !== null);
  }

  /** @throws AppError `not_found`, 422 for an id of another form. */
  async get(tenant: Tenant, id: string, manager?: EntityManager): Promise<OperationResponse> {
    assertId(id, 'id');
    const row = await this.find(tenant, id, manager);
    if (!row) throw new AppError('not_found', 'There is no such operation.');
    return toOperationResponse(row, tenant.mode);
  }

  private find(tenant: Tenant, id: string, manager?: EntityManager): Promise<OperationRow | null> {
    return this.repository.find(tenant, id, firstUuidAt(this.startMs()), manager);
  }

  /** An empty page may mean that the cursor is unknown. */
  private async assertCursor(tenant: Tenant, after: string | null, before: string | null): Promise<void> {
    const cursor = after ?? before;
    if (cursor === null || (await this.find(tenant, cursor))) return;
    const field = after === null ? 'ending_before' : 'starting_after';
    throw AppError.invalid([{ field, code: 'unknown_cursor', message: 'Use the id of an operation that exists.' }]);
  }

  private startMs(): number {
    return retentionStartMs(this.clock.now(), this.config.retentionDays);
  }
}

function assertId(id: string | null, field: string): void {
  if (id === null || OPERATION_ID_PATTERN.test(id)) return;
  const message = 'Use 1 to 128 letters, digits or any of . _ : -';
  throw AppError.invalid([{ field, code: 'invalid_id', message }]);
}
