import { Injectable } from '@nestjs/common';
import type { Caller, Tenant } from '../auth/caller.js';
import { AppError } from '../common/app-error.js';
import { NIL_ACCOUNT, tryDecodeId } from '../common/ids.js';
import { keptRequestId, logActorOf } from '../logs/log.js';
import type { AcceptedEvent, Publisher } from './accepted-event.js';
import { EventAcceptance } from './event-acceptance.js';
import { parseEventInput, type EventInput } from './event-input.js';
import type { IdempotentRequest, PublishedEvent, PublishResult } from './ingest-snapshot.js';
import { EventPublisher } from './publisher.js';

/** What a publish request brings beside its events. */
export interface PublishRequest {
  readonly caller: Caller;
  readonly requestId: string;
  readonly path: string;
  /** The `Idempotency-Key` with the SHA-256 of the raw body. */
  readonly idempotency: { readonly key: string; readonly bodyHash: Buffer } | null;
}

export interface BatchItem {
  readonly account?: unknown;
  readonly mode?: unknown;
  readonly [field: string]: unknown;
}

/** Whose event it is, with what the rules need to know of the account. */
interface Target {
  readonly tenant: Tenant;
  readonly locale: Caller['locale'];
  readonly livePublishing: boolean;
}

/** Takes events from their producers: proves them one by one, and publishes those that stand. */
@Injectable()
export class EventsService {
  constructor(
    private readonly publisher: EventPublisher,
    private readonly acceptance: EventAcceptance,
  ) {}

  /** @throws AppError what refuses the event. */
  async publishOne(input: unknown, request: PublishRequest): Promise<{ event: PublishedEvent; replayed: boolean }> {
    const shaped = parseEventInput(input);
    const item = this.acceptOrRefuse(shaped, targetOf(request.caller)!, request);
    // With a key the answer may be stored since a time when the event still stood.
    if (item instanceof AppError && request.idempotency === null) throw item;
    const unit = { isBatch: false, items: [item], idempotency: scopeOf(request) };
    const { outcomes, replayed } = await this.publisher.publish(unit);
    const event = outcomes[0]!;
    if (event.kind === 'refused') throw event.error;
    return { event, replayed };
  }

  /** Publishes the good events of a batch, in order; the others keep their own errors. */
  async publishBatch(items: readonly (BatchItem | AppError)[], request: PublishRequest): Promise<PublishResult> {
    const accepted = await Promise.all(items.map((item) => this.acceptItem(item, request)));
    const result = await this.publisher.publish({ isBatch: true, items: accepted, idempotency: scopeOf(request) });
    const [first] = result.outcomes;
    if (first?.kind === 'refused' && first.error.code === 'idempotency_key_reused') throw first.error;
    return result;
  }

  private async acceptItem(item: BatchItem | AppError, request: PublishRequest): Promise<AcceptedEvent | AppError> {
    if (item instanceof AppError) return item;
    try {
      if (request.caller.kind !== 'admin') {
        return this.accept(parseEventInput(item), targetOf(request.caller)!, request);
      }
      const { account, mode, ...input } = item;
      const target = await this.targetOfItem(account, mode, request.caller);
      return this.accept(parseEventInput(input), target, request);
    } catch (error) {
      if (error instanceof AppError) return error;
      throw error;
    }
  }

  private acceptOrRefuse(input: EventInput, target: Target, request: PublishRequest): AcceptedEvent | AppError {
    try {
      return this.accept(input, target, request);
    } catch (error) {
      if (error instanceof AppError) return error;
      throw error;
    }
  }

  private accept(input: EventInput, target: Target, request: PublishRequest): AcceptedEvent {
    const event = this.acceptance.accept(input, target.tenant, target.locale, publisherOf(request));
    // A merchant must not be able to forge its own ledger.
    if (target.tenant.mode === 'live' && request.caller.kind !== 'admin' && !target.livePublishing) {
      throw new AppError('live_publishing_disabled');
    }
    return event;
  }

  /** An admin's item may name its account and mode; the acting headers are the default. */
  private async targetOfItem(account: unknown, mode: unknown, caller: Caller): Promise<Target> {
    const accountId = account === undefined ? caller.accountId : tryDecodeId('acct', account);
    if (accountId === null) {
      throw AppError.invalid([
        account === undefined
          ? {
              field: 'account',
              code: 'required',
              message: 'Name the account here or by the header Signalpost-Account.',
            }
          : { field: 'account', code: 'invalid_id', message: 'Use an id that starts with acct_.' },
      ]);
    }
    const itemMode = mode === undefined ? caller.mode : mode;
    if (itemMode !== 'test' && itemMode !== 'live') {
      throw AppError.invalid([{ field: 'mode', code: 'not_one_of', message: 'Use test or live.' }]);
    }
    const { locale, livePublishing } = await this.acceptance.account(accountId);
    return { tenant: { accountId, mode: itemMode }, locale, livePublishing };
  }
}

function targetOf(caller: Caller): Target | null {
  const { accountId, mode, locale, livePublishing } = caller;
  return accountId === null || mode === null ? null : { tenant: { accountId, mode }, locale, livePublishing };
}

function publisherOf({ caller, requestId }: PublishRequest): Publisher {
  const { ip, ...actor } = logActorOf(caller);
  return {
    source: caller.kind === 'admin' ? 'platform' : 'account',
    actor,
    ip,
    apiKeyId: caller.apiKeyId,
    requestId: keptRequestId(requestId),
  };
}

function scopeOf({ caller, path, idempotency }: PublishRequest): IdempotentRequest | null {
  if (idempotency === null) return null;
  return {
    accountId: caller.accountId ?? NIL_ACCOUNT,
    mode: caller.mode ?? '',
    callerClass: caller.kind === 'admin' ? 'admin' : 'key',
    path,
    ...idempotency,
  };
}
