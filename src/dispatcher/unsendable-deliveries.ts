import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { type DeliveryRef, type EndedDelivery, UnsendableRepository } from '../deliveries/unsendable.repository.js';
import { describeDelivery } from '../logs/descriptions.js';
import { LogWriter, type NewLog } from '../logs/log-writer.js';

/**
 * Ends deliveries whose event is past the retention, or that kill their sender, each with its log, in one transaction.
 */
@Injectable()
export class UnsendableDeliveries {
  constructor(
    private readonly database: Database,
    private readonly repository: UnsendableRepository,
    private readonly logs: LogWriter,
  ) {}

  /** Returns those that it ended; the others had ended, may be sent, or another end awaits them. */
  async end(deliveries: readonly DeliveryRef[]): Promise<readonly EndedDelivery[]> {
    return this.database.transaction(async (manager) => {
      const ended = await this.repository.fail(deliveries, manager);
      await this.logs.write(
        ended.map((delivery) => toLog(delivery)),
        manager,
      );
      return ended;
    });
  }
}

/** The log of a delivery that the service ended without an attempt. */
function toLog(ended: EndedDelivery): NewLog {
  return {
    accountId: ended.account_id,
    mode: ended.mode,
    category: 'webhook',
    action: 'delivery.failed',
    status: 'failed',
    description: describeDelivery(ended.locale, { url: ended.url, outcome: ended.reason }),
    operationId: ended.operation_id,
    eventId: ended.event_id,
    endpointId: ended.endpoint_id,
    deliveryId: ended.id,
  };
}
