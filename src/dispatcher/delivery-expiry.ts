import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { type DeliveryRef, type EndedDelivery, ExpiryRepository } from '../deliveries/expiry.repository.js';
import { describeDelivery } from '../logs/descriptions.js';
import { LogWriter, type NewLog } from '../logs/log-writer.js';

/** Ends deliveries whose event is past the retention, each with its log, in one transaction. */
@Injectable()
export class DeliveryExpiry {
  constructor(
    private readonly database: Database,
    private readonly repository: ExpiryRepository,
    private readonly logs: LogWriter,
  ) {}

  /** Returns how many it ended; the others had ended, or another end awaits them. */
  async end(deliveries: readonly DeliveryRef[]): Promise<number> {
    return this.database.transaction(async (manager) => {
      const ended = await this.repository.expire(deliveries, manager);
      await this.logs.write(
        ended.map((delivery) => endLog(delivery, 'expired')),
        manager,
      );
      return ended.length;
    });
  }
}

/** The log of a delivery that the service ended without an attempt. */
export function endLog(ended: EndedDelivery, outcome: 'expired' | 'poison'): NewLog {
  return {
    accountId: ended.account_id,
    mode: ended.mode,
    category: 'webhook',
    action: 'delivery.failed',
    status: 'failed',
    description: describeDelivery(ended.locale, { url: ended.url, outcome }),
    operationId: ended.operation_id,
    eventId: ended.event_id,
    endpointId: ended.endpoint_id,
    deliveryId: ended.id,
  };
}
