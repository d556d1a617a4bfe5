import { type Tenant, tenantKey } from '../auth/caller.js';
import { AppError } from '../common/app-error.js';
import type { SnapshotRequest } from './ingest.repository.js';
import { objectKey, type IdempotentRequest, type PublishUnit } from './ingest-snapshot.js';

/** What the units of a flush could meet, each thing once. */
export function snapshotRequest(units: readonly PublishUnit[]): SnapshotRequest {
  const ledgers = new Map<string, Tenant>();
  const operations = new Map<string, { tenant: Tenant; id: string }>();
  const externalIds = new Map<string, { tenant: Tenant; id: string }>();
  const requests: IdempotentRequest[] = [];
  for (const unit of units) {
    if (unit.idempotency !== null) requests.push(unit.idempotency);
    for (const item of unit.items) {
      if (item instanceof AppError) continue;
      const { tenant, operation, externalId } = item;
      ledgers.set(tenantKey(tenant), tenant);
      if (operation !== null) operations.set(objectKey(tenant, operation.id), { tenant, id: operation.id });
      if (externalId !== null) externalIds.set(objectKey(tenant, externalId), { tenant, id: externalId });
    }
  }
  return {
    ledgers: [...ledgers.values()],
    operations: [...operations.values()],
    externalIds: [...externalIds.values()],
    requests,
  };
}
