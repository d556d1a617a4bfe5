import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Clock } from '../../common/clock.js';
import type { VerifiedKey } from '../verification/verified-key.js';
import { type KeyUse, KeyUsageRepository } from './key-usage.repository.js';

const FLUSH_MS = 1_000;
const MOST_KEYS_HELD = 50_000;
const LONGEST_USER_AGENT = 300;

/** Last uses are gathered in memory and written in batches: a key's row changes once a second at most, however busy. */
@Injectable()
export class KeyUsage implements OnApplicationShutdown {
  private readonly logger = new Logger(KeyUsage.name);
  private held = new Map<string, KeyUse>();

  constructor(
    private readonly repository: KeyUsageRepository,
    private readonly clock: Clock,
  ) {}

  record(key: VerifiedKey, ip: string, userAgent: string | undefined): void {
    let use = this.held.get(key.id);
    if (!use) {
      if (this.held.size >= MOST_KEYS_HELD) return;
      use = {
        accountId: key.accountId,
        mode: key.mode,
        keyId: key.id,
        lastUsedAt: this.clock.now(),
        ip,
        userAgent: null,
        requestsSinceReplaced: 0,
      };
      this.held.set(key.id, use);
    }
    use.lastUsedAt = this.clock.now();
    use.ip = ip;
    use.userAgent = userAgent?.slice(0, LONGEST_USER_AGENT) ?? null;
    if (key.replaced) use.requestsSinceReplaced += 1;
  }

  /**
   * Writes what is held; what cannot be written is dropped, for it is a convenience and the next use brings it back.
   */
  async flush(): Promise<number> {
    if (this.held.size === 0) return 0;
    const uses = [...this.held.values()];
    this.held = new Map();
    await this.repository.write(uses);
    return uses.length;
  }

  @Interval('key-usage', FLUSH_MS)
  async tick(): Promise<void> {
    try {
      await this.flush();
    } catch (error) {
      this.logger.warn({ msg: 'Last uses of keys were not written.', error });
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.tick();
  }
}
