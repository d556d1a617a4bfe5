import type { AppError } from '../common/app-error.js';
import { type Tenant, tenantKey } from '../auth/caller.js';
import type { AcceptedEvent } from './accepted-event.js';
import type { OperationState } from './operation-state.js';

/** An `Idempotency-Key` with everything its scope consists of. */
export interface IdempotentRequest {
  /** The nil account and '' for a request that acts for no account. */
  readonly accountId: string;
  readonly mode: string;
  readonly callerClass: 'key' | 'admin';
  readonly path: string;
  readonly key: string;
  /** SHA-256 of the raw body. */
  readonly bodyHash: Buffer;
}

/** One publish request: its events in order, of which some may be refused already. */
export interface PublishUnit {
  /** A batch answers 200 with a status for each item; a single event that is refused leaves no answer to replay. */
  readonly isBatch: boolean;
  readonly items: readonly (AcceptedEvent | AppError)[];
  readonly idempotency: IdempotentRequest | null;
}

export interface PublishedEvent {
  readonly kind: 'created' | 'repeated';
  /** The event's stored bytes. */
  readonly body: string;
}

/** What became of one event of a unit. */
export type PublishOutcome = PublishedEvent | { readonly kind: 'refused'; readonly error: AppError };

export interface PublishResult {
  readonly outcomes: readonly PublishOutcome[];
  /** The answer was built from a stored one. */
  readonly replayed: boolean;
}

/** A stored answer: an event with whether it was new, or the error that its item got. */
export type StoredOutcome =
  { readonly tenant: Tenant; readonly eventId: string; readonly created: boolean } | { readonly error: StoredError };

export interface StoredError {
  readonly code: string;
  readonly detail: string;
  readonly errors: readonly { field: string; code: string; message: string }[];
}

/** Where a ledger stands; one that still stands there has had no change that a publish must know. */
export interface LedgerState {
  /** Of its last event. */
  readonly sequence: number;
  /** How often an operation of it was erased. */
  readonly erasures: number;
}

/** What is known of the ledgers of one flush before it is written, all from one snapshot of the database. */
export interface IngestSnapshot {
  /** The database's clock, in milliseconds since 1970: the time of acceptance. */
  readonly nowMs: number;
  /** By `tenantKey`. A ledger that is not there has no account. */
  readonly ledgers: ReadonlyMap<string, LedgerState>;
  /** By `objectKey`. */
  readonly operations: ReadonlyMap<string, OperationState>;
  /** By `objectKey`. */
  readonly externalIds: ReadonlyMap<string, { readonly eventId: string; readonly contentHash: Buffer }>;
  /** By `requestKey`. */
  readonly answers: ReadonlyMap<string, { readonly bodyHash: Buffer; readonly outcomes: readonly StoredOutcome[] }>;
}

export function objectKey(tenant: Tenant, id: string): string {
  return `${tenantKey(tenant)} ${id}`;
}

export function requestKey(request: Omit<IdempotentRequest, 'bodyHash'>): string {
  return JSON.stringify([request.accountId, request.mode, request.callerClass, request.path, request.key]);
}
