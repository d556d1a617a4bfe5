import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../auth/caller.js';
import { AppError, type FieldError } from '../common/app-error.js';
import { Clock } from '../common/clock.js';
import { encodeId, newUuid } from '../common/ids.js';
import type { Page } from '../common/pagination.js';
import { type EndpointAct, EndpointJournal } from './endpoint-journal.js';
import { changedFields, type CheckedChange, type CheckedEndpoint, type UrlReach } from './endpoint-input.js';
import { judgeSettings } from './endpoint-rules.js';
import { newSecretFor } from './endpoint-secret.js';
import { positionsWithoutType } from './event-type-patterns.js';
import { RecoveryCounter } from './recoveries/recovery-count.js';
import { type EndpointRef, MAX_ENDPOINTS } from './webhook-endpoint.js';
import type { WebhookEndpointEntity } from './webhook-endpoint.entity.js';
import { type EndpointChange, WebhookEndpointsRepository } from './webhook-endpoints.repository.js';
import { WebhookSecretsRepository } from './webhook-secrets.repository.js';

export interface EndpointWarning {
  readonly code: 'duplicate_url' | 'unresolvable' | 'plain_http';
  readonly message: string;
}

export interface CreatedEndpoint {
  readonly endpoint: WebhookEndpointEntity;
  /** Null for ed25519, whose private key never leaves. */
  readonly secret: string | null;
  readonly warnings: readonly EndpointWarning[];
}

export interface UpdatedEndpoint {
  readonly endpoint: WebhookEndpointEntity;
  /** Null unless the change asked for `enabled`. */
  readonly recoverable: Recoverable | null;
}

/** What a recovery of `undelivered` events would send; `since` is null where the endpoint was not disabled. */
export interface Recoverable {
  readonly count: number;
  readonly since: Date | null;
}

/** From here on the count of what can be recovered stops. */
const MAX_RECOVERABLE_COUNT = 100_000;

@Injectable()
export class WebhookEndpointsService {
  constructor(
    private readonly repository: WebhookEndpointsRepository,
    private readonly secrets: WebhookSecretsRepository,
    private readonly journal: EndpointJournal,
    private readonly recoveries: RecoveryCounter,
    private readonly clock: Clock,
  ) {}

  /** @throws AppError `not_found`. */
  async get(ref: EndpointRef): Promise<WebhookEndpointEntity> {
    return existing(await this.repository.find(ref));
  }

  list(tenant: Tenant, page: Page): Promise<WebhookEndpointEntity[]> {
    return this.repository.list(tenant, page);
  }

  /** @throws AppError `invalid_input` (a forbidden address, an unknown event type), `limit_reached`. */
  async create(act: EndpointAct, input: CheckedEndpoint, manager: EntityManager): Promise<CreatedEndpoint> {
    const { accountId, mode } = act.caller;
    await this.assertTypesExist(input.eventTypes, manager);
    assertReachable(input.reach);
    if ((await this.repository.countForCreation(act.caller, manager)) >= MAX_ENDPOINTS) {
      throw new AppError('limit_reached', `An account has up to ${MAX_ENDPOINTS} webhook endpoints in each mode.`);
    }
    const twin = await this.repository.findByUrl(act.caller, input.reach.url.href, manager);
    const { secret, publicKey } = newSecretFor(input.columns.signatureScheme, input.secret);
    const nowMs = this.clock.now().getTime();
    const ref: EndpointRef = { accountId, mode, id: newUuid(nowMs) };
    const columns = { ...input.columns, url: input.reach.url.href, eventTypes: input.eventTypes, publicKey };
    const endpoint = await this.repository.insert({ ...ref, ...columns }, manager);
    await this.secrets.insert(ref, newUuid(nowMs), { secret, publicKey }, manager);
    await this.repository.announce(ref, manager);
    await this.journal.record(act, endpoint, [{ action: 'created' }], manager);
    return { endpoint, secret: publicKey === null ? secret : null, warnings: warningsOf(input.reach, twin) };
  }

  /** @throws AppError `not_found`, `invalid_input`. */
  async update(act: EndpointAct, id: string, input: CheckedChange, manager: EntityManager): Promise<UpdatedEndpoint> {
    const { accountId, mode } = act.caller;
    const ref: EndpointRef = { accountId, mode, id };
    const before = existing(await this.repository.findLocked(ref, manager));
    if (input.eventTypes) await this.assertTypesExist(input.eventTypes, manager);
    if (input.reach) assertReachable(input.reach);
    const change = this.toChange(before, input);
    await this.assertFits(before, change, manager);
    const isEnabling = input.status === 'enabled' && before.status === 'disabled';
    const eventTypes = change.eventTypes ?? before.eventTypes;
    const recoverable =
      input.status === 'enabled' ? await this.countRecoverable(before, eventTypes, isEnabling, manager) : null;
    const changed = changedFields(before, change);
    if (changed.length === 0) return { endpoint: before, recoverable };
    const endpoint = await this.repository.update(ref, change, manager);
    if (isEnabling) await this.repository.wakeLane(ref, manager);
    await this.journal.record(act, endpoint, actsOf(before, endpoint, changed), manager);
    return { endpoint, recoverable };
  }

  /** @throws AppError `not_found`. */
  async delete(act: EndpointAct, id: string, manager: EntityManager): Promise<void> {
    const { accountId, mode } = act.caller;
    const ref: EndpointRef = { accountId, mode, id };
    const endpoint = existing(await this.repository.findLocked(ref, manager));
    await this.repository.markDeleted(ref, manager);
    await this.journal.record(act, endpoint, [{ action: 'deleted' }], manager);
  }

  private toChange(
    before: WebhookEndpointEntity,
    { columns, eventTypes, reach, status }: CheckedChange,
  ): EndpointChange {
    const change: EndpointChange = { ...columns, eventTypes, url: reach?.url.href };
    if (status === 'enabled' && before.status === 'disabled') {
      return { ...change, status, disabledReason: null, disabledAt: null, failingSince: null, recoverableSince: null };
    }
    if (status === 'disabled' && before.status === 'enabled') {
      return { ...change, status, disabledReason: 'manual', disabledAt: this.clock.now() };
    }
    return change;
  }

  /** Judges what stays together with what changes. */
  private async assertFits(
    before: WebhookEndpointEntity,
    change: EndpointChange,
    manager: EntityManager,
  ): Promise<void> {
    const signature = {
      scheme: change.signatureScheme ?? before.signatureScheme,
      header: change.signatureHeader === undefined ? before.signatureHeader : change.signatureHeader,
      label: change.signatureLabel === undefined ? before.signatureLabel : change.signatureLabel,
    };
    const errors: FieldError[] = judgeSettings({
      headers: change.headers ?? before.headers,
      retrySchedule: change.retrySchedule === undefined ? before.retrySchedule : change.retrySchedule,
      signature,
    });
    if (
      signature.scheme !== before.signatureScheme &&
      !(await this.secrets.allFit(before, signature.scheme, manager))
    ) {
      const message = `The endpoint's secrets do not fit ${signature.scheme}; make a new endpoint for it.`;
      errors.push({ field: 'signature.scheme', code: 'immutable', message });
    }
    if (errors.length > 0) throw AppError.invalid(errors);
  }

  /** What a recovery since then would send, were it begun now; nothing when the endpoint was not disabled. */
  private async countRecoverable(
    { accountId, mode, id, recoverableSince, disabledAt }: WebhookEndpointEntity,
    eventTypes: readonly string[],
    isEnabling: boolean,
    manager: EntityManager,
  ): Promise<Recoverable> {
    if (!isEnabling || disabledAt === null) return { count: 0, since: null };
    const sinceMs = Math.min(disabledAt.getTime(), recoverableSince?.getTime() ?? Infinity);
    const range = { endpointId: id, eventTypes, selection: 'undelivered' as const, sinceMs };
    const { toSend } = await this.recoveries.count(
      { accountId, mode },
      { ...range, untilMs: this.clock.now().getTime() + 1 },
      { toSend: MAX_RECOVERABLE_COUNT },
      manager,
    );
    return { count: Math.min(toSend, MAX_RECOVERABLE_COUNT), since: new Date(sinceMs) };
  }

  private async assertTypesExist(patterns: readonly string[], manager: EntityManager): Promise<void> {
    const unknown = positionsWithoutType(patterns, await this.repository.listCustomTypes(patterns, manager));
    if (unknown.length === 0) return;
    const message = 'There is no such event type; GET /v1/event-types lists all.';
    throw AppError.invalid(
      unknown.map((index) => ({ field: `event_types[${index}]`, code: 'unknown_event_type', message })),
    );
  }
}

function existing(endpoint: WebhookEndpointEntity | null): WebhookEndpointEntity {
  if (endpoint === null) throw new AppError('not_found', 'There is no such webhook endpoint.');
  return endpoint;
}

function assertReachable({ error }: UrlReach): void {
  if (error !== null) throw AppError.invalid([error]);
}

function warningsOf({ url, isResolvable }: UrlReach, twin: WebhookEndpointEntity | null): EndpointWarning[] {
  const warnings: EndpointWarning[] = [];
  if (twin) warnings.push({ code: 'duplicate_url', message: `${encodeId('we', twin.id)} has this URL.` });
  if (!isResolvable) {
    warnings.push({ code: 'unresolvable', message: `${url.hostname} has no address in DNS yet.` });
  }
  if (url.protocol === 'http:') {
    warnings.push({ code: 'plain_http', message: 'Events travel unencrypted; live mode takes https only.' });
  }
  return warnings;
}

/** A switch is logged as such; what else changed in the same request, as an update. */
function actsOf(before: WebhookEndpointEntity, after: WebhookEndpointEntity, changed: readonly string[]) {
  const others = changed.filter((field) => field !== 'status');
  return [
    ...(others.length > 0 ? [{ action: 'updated' as const, changed: others }] : []),
    ...(before.status === after.status ? [] : [{ action: after.status }]),
  ];
}
