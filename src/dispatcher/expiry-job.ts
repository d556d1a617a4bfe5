import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { NIL_ACCOUNT } from '../common/ids.js';
import { Singleton } from '../database/singleton.js';
import { UnsendableRepository } from '../deliveries/unsendable.repository.js';
import { UnsendableDeliveries } from './unsendable-deliveries.js';

const TICK_MS = 3_600_000;
const ACCOUNTS_A_STATEMENT = 200;
const ROWS_A_STATEMENT = 500;

/**
 * Ends what waits past the retention though nobody claims it: deliveries of suspended accounts, or behind an open
 * circuit. What is claimed meanwhile ends at its claim.
 */
@Injectable()
export class ExpiryJob {
  private readonly logger = new Logger(ExpiryJob.name);

  constructor(
    private readonly repository: UnsendableRepository,
    private readonly unsendable: UnsendableDeliveries,
    private readonly singleton: Singleton,
  ) {}

  @Interval(TICK_MS)
  async tick(): Promise<void> {
    try {
      await this.singleton.run('expiry', (lost) => this.runOnce(lost));
    } catch (error) {
      this.logger.error(`Old deliveries could not be ended; it is tried again: ${(error as Error).message}`);
    }
  }

  /** Goes through all accounts, some at a time, until `lost` says that another process may. */
  async runOnce(lost?: AbortSignal): Promise<{ deliveries: number }> {
    let deliveries = 0;
    for (let account: string | null = NIL_ACCOUNT; account !== null && !lost?.aborted;) {
      for (let ended = 1; ended > 0 && !lost?.aborted; deliveries += ended) {
        const found = await this.repository.findExpired(account, ACCOUNTS_A_STATEMENT, ROWS_A_STATEMENT);
        ended = found.length === 0 ? 0 : (await this.unsendable.end(found)).length;
      }
      account = await this.repository.lastAccount(account, ACCOUNTS_A_STATEMENT);
    }
    return { deliveries };
  }
}
