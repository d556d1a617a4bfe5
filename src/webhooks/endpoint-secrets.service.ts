import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AppError } from '../common/app-error.js';
import { Clock } from '../common/clock.js';
import { newUuid } from '../common/ids.js';
import { type EndpointAct, EndpointJournal } from './endpoint-journal.js';
import { judgeSecret } from './endpoint-rules.js';
import { newSecretFor } from './endpoint-secret.js';
import type { EndpointRef } from './webhook-endpoint.js';
import type { WebhookEndpointEntity } from './webhook-endpoint.entity.js';
import { WebhookEndpointsRepository } from './webhook-endpoints.repository.js';
import { type EndpointSecret, WebhookSecretsRepository } from './webhook-secrets.repository.js';

export interface Rotation {
  /** How long the present secret goes on signing; 0 ends every earlier one. */
  readonly overlapSeconds: number;
  /** The merchant's own; null: one is made. */
  readonly secret: string | null;
}

/** Each one adds an entry to the signature, and receivers bound the length of headers. */
const MAX_LIVE_SECRETS = 10;

@Injectable()
export class EndpointSecretsService {
  constructor(
    private readonly endpoints: WebhookEndpointsRepository,
    private readonly secrets: WebhookSecretsRepository,
    private readonly journal: EndpointJournal,
    private readonly clock: Clock,
  ) {}

  /**
   * The live secrets, the newest first; that they were read is logged.
   * @throws AppError `not_found`, `no_shared_secret`.
   */
  async read(act: EndpointAct, id: string, manager: EntityManager): Promise<EndpointSecret[]> {
    const endpoint = await this.lock(act, id, manager);
    if (endpoint.signatureScheme === 'ed25519') throw new AppError('no_shared_secret');
    const secrets = await this.secrets.listLive(endpoint, manager);
    await this.journal.record(act, endpoint, [{ action: 'secret_read' }], manager);
    return secrets;
  }

  /**
   * @returns the endpoint and its new secret, null for ed25519
   * @throws AppError `not_found`, `invalid_input`, `limit_reached`.
   */
  async rotate(
    act: EndpointAct,
    id: string,
    { overlapSeconds, secret: given }: Rotation,
    manager: EntityManager,
  ): Promise<{ endpoint: WebhookEndpointEntity; secret: string | null }> {
    const before = await this.lock(act, id, manager);
    const errors = given === null ? [] : judgeSecret(given, before.signatureScheme);
    if (errors.length > 0) throw AppError.invalid(errors);
    await this.secrets.expire(before, overlapSeconds, manager);
    if ((await this.secrets.listLive(before, manager)).length >= MAX_LIVE_SECRETS) {
      throw new AppError('limit_reached', `An endpoint has up to ${MAX_LIVE_SECRETS} live secrets; end them first.`);
    }
    const { secret, publicKey } = newSecretFor(before.signatureScheme, given);
    await this.secrets.insert(before, newUuid(this.clock.now().getTime()), { secret, publicKey }, manager);
    const endpoint = await this.endpoints.update(before, { publicKey }, manager);
    const rotated = { action: 'secret_rotated' as const, overlapMs: overlapSeconds * 1_000 };
    await this.journal.record(act, endpoint, [rotated], manager);
    return { endpoint, secret: publicKey === null ? secret : null };
  }

  private async lock({ caller }: EndpointAct, id: string, manager: EntityManager): Promise<WebhookEndpointEntity> {
    const ref: EndpointRef = { accountId: caller.accountId, mode: caller.mode, id };
    const endpoint = await this.endpoints.findLocked(ref, manager);
    if (endpoint === null) throw new AppError('not_found', 'There is no such webhook endpoint.');
    return endpoint;
  }
}
