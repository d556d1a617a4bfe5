import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { encodeId } from '../common/ids.js';
import type { ClaimedDelivery } from '../deliveries/lane-queue.repository.js';
import type { EndpointSettings } from '../webhooks/endpoint-settings.js';
import { signRequest } from '../webhooks/signature.js';
import { WebhookClient, type SendResult } from '../webhooks/sending/webhook-client.js';

/**
 * Makes one attempt: signs the event's stored bytes with every live secret, under a fresh timestamp, and sends them.
 */
@Injectable()
export class DeliverySender {
  constructor(
    private readonly client: WebhookClient,
    private readonly clock: Clock,
  ) {}

  async send(delivery: ClaimedDelivery, settings: EndpointSettings, signal: AbortSignal): Promise<SendResult> {
    const startedAt = this.clock.now();
    // A trouble of ours, never charged to the receiver: the delivery waits until its secret can be read.
    if (settings.signature === null) throw new Error(`the secret of endpoint ${settings.id} cannot be read`);
    const body = Buffer.from(delivery.body, 'utf8');
    const signatureHeaders = signRequest({
      id: encodeId('evt', delivery.eventId),
      timestampSeconds: Math.floor(startedAt.getTime() / 1_000),
      body,
      ...settings.signature,
    });
    return this.client.send({
      url: settings.url,
      mode: settings.mode,
      headers: { ...settings.headers, ...signatureHeaders },
      body,
      timeoutMs: settings.timeoutMs,
      signal,
    });
  }
}
