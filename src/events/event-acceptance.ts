import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AccountDirectory, type AccountSettings } from '../accounts/account-directory.js';
import type { Locale } from '../accounts/account.js';
import type { Tenant } from '../auth/caller.js';
import { AppError } from '../common/app-error.js';
import { Clock } from '../common/clock.js';
import { BODY_LIMIT_BYTES } from '../common/http/body.js';
import { parseJsonBody } from '../common/input/json-gate.js';
import { AppConfig } from '../config/app-config.js';
import { acceptEvent, type AcceptedEvent, type Publisher } from './accepted-event.js';
import { EventCatalogue } from './event-catalogue.js';
import { parseEventInput, type EventInput } from './event-input.js';
import type { InboxEvent } from './inbox.repository.js';

/** Proves single events against their shape, the catalogue and the clock, whichever road they come by. */
@Injectable()
export class EventAcceptance {
  constructor(
    private readonly catalogue: EventCatalogue,
    private readonly accounts: AccountDirectory,
    private readonly clock: Clock,
    private readonly config: AppConfig,
  ) {}

  /** @throws AppError what refuses the event. */
  accept(input: EventInput, tenant: Tenant, locale: Locale, publisher: Publisher): AcceptedEvent {
    return acceptEvent(input, tenant, locale, publisher, {
      catalogue: this.catalogue,
      nowMs: this.clock.now().getTime(),
      retentionDays: this.config.retentionDays,
    });
  }

  /** @throws AppError `not_found` when there is no such account. */
  async account(accountId: string, manager?: EntityManager): Promise<AccountSettings> {
    const settings = await this.accounts.find(accountId, manager);
    if (settings === null) throw new AppError('not_found', 'There is no such account.');
    return settings;
  }

  /** An inbox takes any JSON, so its rows pass the gate of request bodies here. */
  async acceptFromInbox(row: InboxEvent, manager: EntityManager): Promise<AcceptedEvent> {
    const bytes = Buffer.from(row.input);
    if (bytes.length > BODY_LIMIT_BYTES) throw new AppError('body_too_large', 'An event may have 256 KiB.');
    const input = parseEventInput(parseJsonBody(bytes));
    const { locale } = await this.account(row.account_id, manager);
    const isSystem = row.source === 'system';
    return this.accept(input, { accountId: row.account_id, mode: row.mode }, locale, {
      source: row.source,
      actor: { type: isSystem ? 'system' : 'admin', id: null, name: null },
      ip: null,
      apiKeyId: null,
      requestId: null,
    });
  }
}
