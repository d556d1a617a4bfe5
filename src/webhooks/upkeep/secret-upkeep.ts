import { Injectable, Logger } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { Clock } from '../../common/clock.js';
import { Singleton } from '../../database/singleton.js';
import { SecretBox } from '../secret-box.js';
import { secretPlace } from '../webhook-secrets.repository.js';
import { type AgedSecret, SecretUpkeepRepository } from './secret-upkeep.repository.js';

const PAGE = 500;
/** A run ends after so many; the next one goes on, for what is done is no longer found. */
const MAX_SECRETS_A_RUN = 20_000;

export interface SecretUpkeepCounts {
  /** Sealed again under the first key of `ENCRYPTION_KEYS`. */
  readonly resealed: number;
  readonly deleted: number;
  /** Those that did not open; the log names them. */
  readonly failed: number;
}

/**
 * Seals secrets again that are under an old key, so that the key can be taken out of `ENCRYPTION_KEYS`, and deletes
 * those that are long past their end or whose endpoint is gone. Every ten minutes, in one process at a time.
 */
@Injectable()
export class SecretUpkeep {
  private readonly logger = new Logger(SecretUpkeep.name);

  constructor(
    private readonly repository: SecretUpkeepRepository,
    private readonly box: SecretBox,
    private readonly singleton: Singleton,
    private readonly clock: Clock,
  ) {}

  @Cron('*/10 * * * *')
  async tick(): Promise<void> {
    try {
      const run = await this.singleton.run('webhook_secrets', (lost) => this.runOnce(this.clock.now(), lost));
      if (run !== null && Object.values(run.value).some((count) => count > 0)) {
        this.logger.log({ msg: 'webhook secrets', ...run.value });
      }
    } catch (error) {
      this.logger.warn(`Webhook secrets wait for the next run: ${(error as Error).message}`);
    }
  }

  /** @param lost aborts when another process may have begun */
  async runOnce(now: Date, lost?: AbortSignal): Promise<SecretUpkeepCounts> {
    const counts = { resealed: 0, deleted: 0, failed: 0 };
    let page: AgedSecret[];
    let last: AgedSecret | null = null;
    do {
      page = await this.repository.findAged(now, this.box.writingKeyId, last, PAGE);
      for (const secret of page) {
        if (lost?.aborted) return counts;
        counts[await this.lookAfter(secret)] += 1;
      }
      last = page.at(-1) ?? null;
    } while (page.length === PAGE && counts.resealed + counts.deleted < MAX_SECRETS_A_RUN);
    return counts;
  }

  private async lookAfter(secret: AgedSecret): Promise<keyof SecretUpkeepCounts> {
    if (secret.isUnneeded) {
      await this.repository.delete(secret);
      return 'deleted';
    }
    const place = secretPlace(secret.endpoint, secret.id);
    let opened: string;
    try {
      opened = this.box.open(secret.ciphertext, place);
    } catch (error) {
      this.logger.error((error as Error).message);
      return 'failed';
    }
    await this.repository.reseal(secret, this.box.seal(opened, place), this.box.writingKeyId);
    return 'resealed';
  }
}
