import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant, TenantCaller } from '../../auth/caller.js';
import { NIL_ACCOUNT } from '../../common/ids.js';
import { searchText } from '../../common/search-text.js';
import { CancellationsService } from '../../deliveries/actions/cancellations.service.js';
import type { DeliveryAct } from '../../deliveries/actions/delivery-journal.js';
import type { LaneId } from '../../deliveries/lane-signals.js';
import { describeErasure } from '../../logs/descriptions.js';
import { logActorOf } from '../../logs/log.js';
import { LogWriter } from '../../logs/log-writer.js';
import { coverCause, customerIn, eraseEventBody } from '../event-body.js';
import type { Customer } from '../operation-state.js';
import type { OperationResponse } from '../operations.dto.js';
import { OperationsService } from '../operations.service.js';
import { type ErasableEvent, ErasureRepository } from './erasure.repository.js';
import { InboxErasure } from './inbox-erasure.js';

/** Events in memory at once; each may have 256 KiB. */
const BATCH = 100;
/** An operation may have been given others; so many of the latest are looked for in a cause. */
const MAX_CUSTOMERS = 20;
/** Before every id. */
const START = NIL_ACCOUNT;

export interface Erased {
  readonly operation: OperationResponse;
  /** The lanes to wake once it is committed. */
  readonly lanes: readonly LaneId[];
}

/** The events of one operation that were gone through, and how many had something to erase. */
interface Progress {
  readonly ids: string[];
  changed: number;
  /** Who was in the operation and its events so far: a cause may name one whom its own event does not. */
  customers: Customer[];
}

/** Takes from an operation what is personal, for good. */
@Injectable()
export class ErasureService {
  constructor(
    private readonly repository: ErasureRepository,
    private readonly inbox: InboxErasure,
    private readonly operations: OperationsService,
    private readonly cancellations: CancellationsService,
    private readonly logs: LogWriter,
  ) {}

  /**
   * All or nothing, in `manager`'s transaction: dying half-way leaves everything as it was. The ledger is locked only
   * for what was published while the rest was erased; what is published after the commit is new data and stays.
   * @throws AppError `not_found`, 422 for an id of another form.
   */
  async erase(act: DeliveryAct, operationId: string, manager: EntityManager): Promise<Erased> {
    const { caller } = act;
    const { customer } = await this.operations.get(caller, operationId, manager);
    const inputs = await this.inbox.erase(caller, operationId, customer, manager);
    const events: Progress = { ids: [], changed: 0, customers: withCustomer([], customer) };
    await this.eraseEvents(caller, operationId, events, manager);
    await this.repository.lockLedger(caller, manager);
    await this.eraseEvents(caller, operationId, events, manager);
    const known = await this.operations.get(caller, operationId, manager);
    const search = searchText(known.reference, operationId);
    const cause = coverCause(known.cause, withCustomer(events.customers, known.customer));
    const isChanged = await this.repository.writeOperation(caller, operationId, { search, cause }, manager);
    const { count: cancelled, lanes } = await this.cancellations.cancelAll(act, events.ids, manager);
    if (isChanged || inputs + events.changed + cancelled > 0) {
      await this.repository.countErasure(caller, manager);
      await this.record(
        act,
        { id: operationId, reference: known.reference },
        { events: events.changed, deliveries_cancelled: cancelled },
        manager,
      );
    }
    return { operation: await this.operations.get(caller, operationId, manager), lanes };
  }

  /** Goes on behind the last event of `progress`; first who is in them, for a cause may name whom a later one has. */
  private async eraseEvents(
    tenant: Tenant,
    operationId: string,
    progress: Progress,
    manager: EntityManager,
  ): Promise<void> {
    const after = progress.ids.at(-1) ?? START;
    for await (const { body } of this.eventsAfter(after, tenant, operationId, manager)) {
      progress.customers = withCustomer(progress.customers, customerIn(body));
    }
    for await (const event of this.eventsAfter(after, tenant, operationId, manager)) {
      const { id, reference, external_id: externalId, ...kept } = event;
      progress.ids.push(id);
      const { body, customer } = eraseEventBody(kept.body, progress.customers);
      progress.customers = withCustomer(progress.customers, customer);
      const search = searchText(reference, operationId, externalId);
      if (body === kept.body && search === kept.search) continue;
      await this.repository.writeEvent(tenant, { id, body, search }, manager);
      progress.changed += 1;
    }
  }

  /** A page in memory at a time, oldest first. */
  private async *eventsAfter(
    start: string,
    tenant: Tenant,
    operationId: string,
    manager: EntityManager,
  ): AsyncGenerator<ErasableEvent> {
    for (let after = start, isLast = false; !isLast;) {
      const events = await this.repository.readEvents(tenant, operationId, { after, limit: BATCH }, manager);
      yield* events;
      after = events.at(-1)?.id ?? after;
      isLast = events.length < BATCH;
    }
  }

  private async record(
    { caller, requestId }: { caller: TenantCaller; requestId: string },
    operation: { readonly id: string; readonly reference: string | null },
    metadata: Readonly<Record<string, number>>,
    manager: EntityManager,
  ): Promise<void> {
    const log = {
      accountId: caller.accountId,
      mode: caller.mode,
      category: 'admin',
      action: 'operation.erased',
      status: 'succeeded',
      description: describeErasure(caller.locale, operation.id),
      operationId: operation.id,
      reference: operation.reference,
      apiKeyId: caller.apiKeyId,
      requestId,
      actor: logActorOf(caller),
      metadata,
    } as const;
    await this.logs.write([log], manager);
  }
}

/** Each once, the latest of many. */
function withCustomer(customers: readonly Customer[], customer: Customer | null): Customer[] {
  if (customer === null) return [...customers];
  const { name, email, phone } = customer;
  const others = customers.filter((one) => one.name !== name || one.email !== email || one.phone !== phone);
  return [customer, ...others].slice(0, MAX_CUSTOMERS);
}
