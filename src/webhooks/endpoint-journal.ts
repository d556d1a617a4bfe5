import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { TenantCaller } from '../auth/caller.js';
import { describeEndpoint, type DescribedEndpoint } from '../logs/descriptions.js';
import { logActorOf } from '../logs/log.js';
import { LogWriter } from '../logs/log-writer.js';
import type { WebhookEndpointEntity } from './webhook-endpoint.entity.js';

/** A request of a caller that changes or reads something worth a log. */
export interface EndpointAct {
  readonly caller: TenantCaller;
  readonly requestId: string;
}

type LoggedAct = Omit<DescribedEndpoint, 'url'> & {
  readonly action: 'created' | 'updated' | 'deleted' | 'enabled' | 'disabled' | 'secret_read' | 'secret_rotated';
};

/** Writes what people do to webhook endpoints into the account's log, in the transaction that does it. */
@Injectable()
export class EndpointJournal {
  constructor(private readonly logs: LogWriter) {}

  async record(
    { caller, requestId }: EndpointAct,
    endpoint: WebhookEndpointEntity,
    acts: readonly LoggedAct[],
    manager: EntityManager,
  ): Promise<void> {
    const { accountId, mode, apiKeyId, locale } = caller;
    const entries = acts.map((act) => ({
      accountId,
      mode,
      category: 'webhook' as const,
      action: `webhook_endpoint.${act.action}`,
      status: 'succeeded' as const,
      description: describeEndpoint(locale, { ...act, url: endpoint.url }),
      endpointId: endpoint.id,
      apiKeyId: apiKeyId ?? undefined,
      requestId,
      actor: logActorOf(caller),
    }));
    await this.logs.write(entries, manager);
  }
}
