import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import type { Mode } from '../auth/caller.js';
import { AppError, type FieldError } from '../common/app-error.js';
import { Destinations, forbidden } from './destinations.js';
import { judgeSecret, judgeSettings, signatureSettings } from './endpoint-rules.js';
import { DEFAULT_TIMEOUT_MS, type EndpointStatus } from './webhook-endpoint.js';
import type { WebhookEndpointEntity } from './webhook-endpoint.entity.js';
import type { CreateWebhookEndpointRequest, UpdateWebhookEndpointRequest } from './webhook-endpoints.dto.js';
import type { EndpointChange } from './webhook-endpoints.repository.js';

/** A URL that no rule forbids, with what DNS said of it. */
export interface UrlReach {
  readonly url: URL;
  readonly isResolvable: boolean;
  /** A forbidden address, to be told only where the order of checks comes to it; null: none. */
  readonly error: FieldError | null;
}

type OptionColumns = Pick<
  WebhookEndpointEntity,
  | 'description'
  | 'headers'
  | 'rateLimit'
  | 'timeoutMs'
  | 'retrySchedule'
  | 'ordering'
  | 'signatureScheme'
  | 'signatureHeader'
  | 'signatureLabel'
  | 'metadata'
>;

export interface CheckedEndpoint {
  readonly reach: UrlReach;
  readonly eventTypes: string[];
  readonly columns: OptionColumns;
  /** The merchant's own; null: one is made. */
  readonly secret: string | null;
}

/** What is absent or undefined stays. */
export interface CheckedChange {
  readonly reach?: UrlReach;
  readonly eventTypes?: string[];
  readonly columns: Partial<OptionColumns>;
  readonly status?: EndpointStatus;
}

/** Turns requests into what is stored, before any transaction: DNS is asked here. */
@Injectable()
export class EndpointInput {
  constructor(private readonly destinations: Destinations) {}

  /** @throws AppError `invalid_input` that names every wrong field. */
  async forCreation(body: CreateWebhookEndpointRequest, mode: Mode): Promise<CheckedEndpoint> {
    const columns = { ...DEFAULTS, ...toColumns(body) };
    const secret = body.secret ?? null;
    const { signatureScheme: scheme, signatureHeader: header, signatureLabel: label } = columns;
    const url = this.destinations.parse(body.url, mode);
    const errors = [
      ...(url.error ? [url.error] : []),
      ...judgeSettings({ ...columns, signature: { scheme, header, label } }),
      ...(secret === null ? [] : judgeSecret(secret, scheme)),
    ];
    if (errors.length > 0 || url.url === null) throw AppError.invalid(errors);
    return { reach: await this.reach(url.url, mode), eventTypes: body.event_types, columns, secret };
  }

  /** @throws AppError `invalid_input` when the URL breaks a rule; the rest is judged with what stays. */
  async forUpdate(body: UpdateWebhookEndpointRequest, mode: Mode): Promise<CheckedChange> {
    const change = { eventTypes: body.event_types, columns: toColumns(body), status: body.status };
    if (body.url === undefined) return change;
    const { url, error } = this.destinations.parse(body.url, mode);
    if (error !== null) throw AppError.invalid([error]);
    return { ...change, reach: await this.reach(url, mode) };
  }

  private async reach(url: URL, mode: Mode): Promise<UrlReach> {
    const reachability = await this.destinations.reach(url, mode);
    return {
      url,
      isResolvable: reachability.outcome !== 'unresolvable',
      error: reachability.outcome === 'forbidden' ? forbidden(reachability.violation) : null,
    };
  }
}

const DEFAULTS: OptionColumns = {
  description: null,
  headers: {},
  rateLimit: null,
  timeoutMs: DEFAULT_TIMEOUT_MS,
  retrySchedule: null,
  ordering: 'none',
  signatureScheme: 'standard',
  signatureHeader: null,
  signatureLabel: null,
  metadata: {},
};

/** The columns of the fields that a request names; null clears, which for some fields means their default. */
function toColumns(body: CreateWebhookEndpointRequest | UpdateWebhookEndpointRequest): Partial<OptionColumns> {
  const columns: Partial<OptionColumns> = {};
  if (body.description !== undefined) columns.description = body.description;
  if (body.headers !== undefined) columns.headers = body.headers ?? {};
  if (body.rate_limit !== undefined) columns.rateLimit = body.rate_limit;
  if (body.timeout_ms !== undefined) columns.timeoutMs = body.timeout_ms ?? DEFAULT_TIMEOUT_MS;
  if (body.retry_schedule !== undefined) columns.retrySchedule = body.retry_schedule;
  if (body.ordering !== undefined) columns.ordering = body.ordering;
  if (body.metadata !== undefined) columns.metadata = body.metadata ?? {};
  if (body.signature !== undefined) {
    const { scheme, header, label } = signatureSettings(body.signature);
    Object.assign(columns, { signatureScheme: scheme, signatureHeader: header, signatureLabel: label });
  }
  return columns;
}

const FIELD_OF_COLUMN: Partial<Record<keyof EndpointChange, string>> = {
  url: 'url',
  eventTypes: 'event_types',
  description: 'description',
  headers: 'headers',
  rateLimit: 'rate_limit',
  timeoutMs: 'timeout_ms',
  retrySchedule: 'retry_schedule',
  ordering: 'ordering',
  signatureScheme: 'signature',
  signatureHeader: 'signature',
  signatureLabel: 'signature',
  metadata: 'metadata',
  status: 'status',
};

/** The API's names of the fields that a change really changes. */
export function changedFields(before: WebhookEndpointEntity, change: EndpointChange): string[] {
  const columns = Object.keys(FIELD_OF_COLUMN) as (keyof EndpointChange)[];
  const changed = columns.filter(
    (column) => change[column] !== undefined && !isDeepStrictEqual(change[column], before[column]),
  );
  return [...new Set(changed.map((column) => FIELD_OF_COLUMN[column]!))];
}
