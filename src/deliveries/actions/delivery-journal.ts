import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { TenantCaller } from '../../auth/caller.js';
import { describeDelivery, describeResend } from '../../logs/descriptions.js';
import { logActorOf } from '../../logs/log.js';
import { LogWriter } from '../../logs/log-writer.js';

/** A request of a caller that acts on deliveries. */
export interface DeliveryAct {
  readonly caller: TenantCaller;
  readonly requestId: string;
}

export type DeliveryAction = 'retried' | 'redelivered' | 'cancelled';

/** A delivery that was acted on, as its log names it. */
export interface ActedDelivery {
  readonly id: string;
  readonly eventId: string;
  readonly operationId: string | null;
  readonly endpointId: string;
  readonly url: string;
}

/** Writes what people do to deliveries into the account's log, in the transaction that does it. */
@Injectable()
export class DeliveryJournal {
  constructor(private readonly logs: LogWriter) {}

  async record(
    { caller, requestId }: DeliveryAct,
    action: DeliveryAction,
    deliveries: readonly ActedDelivery[],
    manager: EntityManager,
  ): Promise<void> {
    const { accountId, mode, apiKeyId, locale } = caller;
    const entries = deliveries.map(({ id, eventId, operationId, endpointId, url }) => ({
      accountId,
      mode,
      category: 'webhook' as const,
      action: `delivery.${action}`,
      status: 'info' as const,
      description:
        action === 'cancelled'
          ? describeDelivery(locale, { url, outcome: 'cancelled_by_user' })
          : describeResend(locale, action === 'retried' ? 'retry' : 'redeliver', url),
      operationId,
      eventId,
      endpointId,
      deliveryId: id,
      apiKeyId,
      requestId,
      actor: logActorOf(caller),
    }));
    await this.logs.write(entries, manager);
  }
}
