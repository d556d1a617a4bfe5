import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../../auth/caller.js';
import { InboxRepository } from '../inbox.repository.js';
import type { Customer } from '../operation-state.js';
import { eraseInput } from './erased-input.js';
import { ErasureRepository } from './erasure.repository.js';

/** Rows in memory at once; each may have 256 KiB. */
const BATCH = 100;

/** Erases events that were left in the database and are not published: they wait, or were refused. */
@Injectable()
export class InboxErasure {
  constructor(
    private readonly repository: ErasureRepository,
    private readonly inbox: InboxRepository,
  ) {}

  /**
   * How many were changed; `customer`, who is known of the operation, is covered in them. Before the ledger is locked,
   * for a drain takes the inbox first too. What a drain is publishing meanwhile is waited for, and is then an event
   * like any other.
   */
  async erase(tenant: Tenant, operationId: string, customer: Customer | null, manager: EntityManager): Promise<number> {
    if ((await this.run(tenant, operationId, manager, { customer, writes: false })) === 0) return 0;
    await this.inbox.waitForLock(manager);
    return this.run(tenant, operationId, manager, { customer, writes: true });
  }

  private async run(
    tenant: Tenant,
    operationId: string,
    manager: EntityManager,
    { customer, writes }: { customer: Customer | null; writes: boolean },
  ): Promise<number> {
    let count = 0;
    for (let after = '0', isLast = false; !isLast;) {
      const rows = await this.repository.readInbox(tenant, operationId, { after, limit: BATCH }, manager);
      for (const { position, input } of rows) {
        const erased = eraseInput(input, operationId, customer);
        if (erased === null) continue;
        count += 1;
        if (writes) await this.repository.writeInput(position, erased, manager);
      }
      after = rows.at(-1)?.position ?? after;
      isLast = rows.length < BATCH;
    }
    return count;
  }
}
