import { Injectable } from '@nestjs/common';
import type { Locale } from '../accounts/account.js';
import { AccountDirectory } from '../accounts/account-directory.js';
import { Clock } from '../common/clock.js';
import type { LaneId } from '../deliveries/lane-signals.js';
import { EndpointSettingsReader, type EndpointSettings } from '../webhooks/endpoint-settings.js';
import type { EndpointRef } from '../webhooks/webhook-endpoint.js';

const MAX_ENDPOINTS = 20_000;

/** Whom a delivery goes to. */
export interface Recipient {
  readonly settings: EndpointSettings;
  /** The language of the account's logs. */
  readonly locale: Locale;
}

interface CachedEndpoint {
  readonly settings: EndpointSettings;
  readonly validUntilMs: number;
}

/** Whom deliveries go to; an endpoint is read again when a claim shows a higher revision or a secret's time is over. */
@Injectable()
export class EndpointCache {
  private readonly cache = new Map<string, CachedEndpoint>();
  private wanted = new Map<string, EndpointRef>();
  private reading: Promise<Map<string, EndpointSettings>> | null = null;

  constructor(
    private readonly reader: EndpointSettingsReader,
    private readonly accounts: AccountDirectory,
    private readonly clock: Clock,
  ) {}

  /** The endpoint at `revision` or later; null when it is gone. */
  async find(lane: LaneId, revision: number): Promise<Recipient | null> {
    const settings = await this.findSettings(lane, revision);
    if (settings === null) return null;
    return { settings, locale: (await this.accounts.find(lane[0]))?.locale ?? 'en' };
  }

  private async findSettings(lane: LaneId, revision: number): Promise<EndpointSettings | null> {
    const cached = this.cache.get(lane[2]);
    if (cached && Number(cached.settings.revision) >= revision && this.clock.monotonicMs() < cached.validUntilMs) {
      return cached.settings;
    }
    this.wanted.set(lane[2], { accountId: lane[0], mode: lane[1], id: lane[2] });
    this.reading ??= this.read();
    return (await this.reading).get(lane[2]) ?? null;
  }

  /** One read for all that ask in the same turn of the event loop. */
  private async read(): Promise<Map<string, EndpointSettings>> {
    await new Promise(setImmediate);
    const wanted = [...this.wanted.values()];
    this.wanted = new Map();
    this.reading = null;
    const nowMs = this.clock.monotonicMs();
    const found = new Map<string, EndpointSettings>();
    if (this.cache.size + wanted.length > MAX_ENDPOINTS) this.cache.clear();
    for (const settings of await this.reader.load(wanted)) {
      found.set(settings.id, settings);
      this.cache.set(settings.id, { settings, validUntilMs: nowMs + (settings.secretsLiveForMs ?? Infinity) });
    }
    return found;
  }
}
