import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AppError } from '../../common/app-error.js';
import { Clock } from '../../common/clock.js';
import { OPERATION_EVENT_TYPES } from '../../common/event-type-names.js';
import type { EventType } from '../../events/built-in-event-types.js';
import { EventCatalogue } from '../../events/event-catalogue.js';
import { renderSampleEvent } from '../../events/sample-event.js';
import { describeTestSend } from '../../logs/descriptions.js';
import { logActorOf } from '../../logs/log.js';
import { LogWriter } from '../../logs/log-writer.js';
import type { EndpointAct } from '../../webhooks/endpoint-journal.js';
import { EndpointSettingsReader } from '../../webhooks/endpoint-settings.js';
import { matchesType } from '../../webhooks/event-type-patterns.js';
import { WebhookClient, type SendResult } from '../../webhooks/sending/webhook-client.js';
import { signRequest } from '../../webhooks/signature.js';
import type { EndpointRef } from '../../webhooks/webhook-endpoint.js';
import { WebhookEndpointsService } from '../../webhooks/webhook-endpoints.service.js';
import { explainFailure, type TestSendError } from './test-send-advice.js';

/** What came of one sample, and what its log says. */
export interface TestSend {
  readonly ref: EndpointRef;
  readonly url: string;
  readonly type: string;
  readonly eventId: string;
  readonly result: SendResult;
  /** Null: delivered. */
  readonly error: TestSendError | null;
}

/** Tells a receiver that wants to know a sample from an event; its signature is as good. */
const TEST_HEADER = { 'webhook-test': 'true' };

@Injectable()
export class TestSends {
  constructor(
    private readonly endpoints: WebhookEndpointsService,
    private readonly settings: EndpointSettingsReader,
    private readonly catalogue: EventCatalogue,
    private readonly client: WebhookClient,
    private readonly clock: Clock,
  ) {}

  /**
   * Sends a signed sample to the endpoint, enabled or not, by the road of deliveries. Talks to a stranger for up to
   * 30 s, so it never happens inside a transaction.
   * @param given null: a type that the endpoint names
   * @throws AppError `not_found`; `invalid_input` for a type that does not exist.
   */
  async send(ref: EndpointRef, given: string | null): Promise<TestSend> {
    const { eventTypes } = await this.endpoints.get(ref);
    const [settings] = await this.settings.load([ref]);
    if (!settings || settings.isDeleted) throw new AppError('not_found', 'There is no such webhook endpoint.');
    if (settings.signature === null) throw new AppError('internal');
    const type = given === null ? this.typeOf(eventTypes) : this.findType(given);
    const now = this.clock.now();
    const event = renderSampleEvent(type, ref, now.getTime());
    const body = Buffer.from(event.body, 'utf8');
    const timestampSeconds = Math.floor(now.getTime() / 1_000);
    const { url, timeoutMs, headers } = settings;
    const signed = signRequest({ ...settings.signature, id: event.id, timestampSeconds, body });
    const result = await this.client.send({
      url,
      mode: ref.mode,
      headers: { ...headers, ...signed, ...TEST_HEADER },
      body,
      timeoutMs,
    });
    return { ref, url, type: type.type, eventId: event.id, result, error: explainFailure(result) };
  }

  private findType(name: string): EventType {
    const type = this.catalogue.find(name);
    if (type !== null) return type;
    const nearest = this.catalogue.nearest(name);
    const hint = nearest.length > 0 ? `The nearest names are ${nearest.join(', ')}.` : 'GET /v1/event-types lists all.';
    const message = `There is no such event type. ${hint}`;
    throw AppError.invalid([{ field: 'type', code: 'unknown_event_type', message }]);
  }

  /** The one that merchants wait for most, of those that the endpoint names. */
  private typeOf(patterns: readonly string[]): EventType {
    const succeeded = OPERATION_EVENT_TYPES.filter((type) => type.endsWith('.succeeded'));
    const types = [...succeeded, ...OPERATION_EVENT_TYPES, ...this.catalogue.list().map(({ type }) => type)];
    const named = types.find((type) => patterns.some((pattern) => matchesType(pattern, type)));
    return this.findType(named ?? 'payment.succeeded');
  }
}

/** Writes what people try into the account's log: all that a test leaves behind. */
@Injectable()
export class TestSendJournal {
  constructor(private readonly logs: LogWriter) {}

  async record({ caller, requestId }: EndpointAct, send: TestSend, manager: EntityManager): Promise<void> {
    const { ref, url, type, eventId, result, error } = send;
    const delivered = error === null;
    const attempt = { ...result, errorCode: result.error?.code ?? null };
    const log = {
      accountId: ref.accountId,
      mode: ref.mode,
      category: 'webhook' as const,
      action: 'webhook_endpoint.test_sent',
      status: delivered ? ('succeeded' as const) : ('failed' as const),
      description: describeTestSend(caller.locale, url, delivered, attempt),
      endpointId: ref.id,
      apiKeyId: caller.apiKeyId,
      requestId,
      actor: logActorOf(caller),
      metadata: { type, webhook_id: eventId },
    };
    await this.logs.write([log], manager);
  }
}
