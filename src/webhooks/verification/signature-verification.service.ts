import { Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { tryDecodeId } from '../../common/ids.js';
import type { EndpointRef } from '../webhook-endpoint.js';
import { WebhookEndpointsService } from '../webhook-endpoints.service.js';
import { WebhookSecretsRepository } from '../webhook-secrets.repository.js';
import { judgeSignature, type SignatureVerdict } from './signature-verdict.js';
import { SignedEventsRepository } from './signed-events.repository.js';

export interface GivenRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The caller's own key; null: none that could be meant. */
  readonly apiKey: string | null;
}

/** Answers with what the endpoint's own secrets and the account's own events say about a request, and no others. */
@Injectable()
export class SignatureVerification {
  constructor(
    private readonly endpoints: WebhookEndpointsService,
    private readonly secrets: WebhookSecretsRepository,
    private readonly events: SignedEventsRepository,
    private readonly clock: Clock,
  ) {}

  /** @throws AppError `not_found`. */
  async verify(ref: EndpointRef, given: GivenRequest): Promise<SignatureVerdict> {
    const endpoint = await this.endpoints.get(ref);
    const [live, ended] = await Promise.all([this.secrets.listLive(ref), this.secrets.listEnded(ref)]);
    return judgeSignature({
      ...given,
      settings: {
        scheme: endpoint.signatureScheme,
        header: endpoint.signatureHeader,
        label: endpoint.signatureLabel,
      },
      liveSecrets: live.map(({ secret }) => secret),
      endedSecrets: ended.map(({ secret, expiresAt }) => ({ secret, endedAt: expiresAt! })),
      nowSeconds: Math.floor(this.clock.now().getTime() / 1_000),
      storedBody: async (id) => {
        const eventId = tryDecodeId('evt', id);
        return eventId === null ? null : this.events.findBody(ref, eventId);
      },
    });
  }
}
