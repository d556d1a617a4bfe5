import { Injectable, Logger } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { Clock } from '../../common/clock.js';
import { firstUuidAt, NIL_ACCOUNT } from '../../common/ids.js';
import { retentionStartMs } from '../../common/retention.js';
import { DAY_MS } from '../../common/time.js';
import { AppConfig } from '../../config/app-config.js';
import { Singleton } from '../../database/singleton.js';
import { type AgeingLedger, type RetentionBounds, RetentionRepository } from './retention.repository.js';

const LEDGERS_A_PAGE = 500;
/** Each holds its ledger's lock for as long as these take, a few milliseconds. */
const OPERATIONS_A_STATEMENT = 200;
const ROWS_A_STATEMENT = 1_000;

export interface RetentionCounts {
  readonly operations: number;
  readonly externalIds: number;
  readonly emptyStats: number;
  readonly recoveries: number;
}

/**
 * Takes away what events past the retention leave outside their partitions: operations without a later event (with
 * what they add to the sums), producers' ids of events, sums that became empty, and recoveries that ended. Readers hide
 * the first two already.
 */
@Injectable()
export class RetentionJob {
  private readonly logger = new Logger(RetentionJob.name);
  private doneUntilMs = 0;

  constructor(
    private readonly repository: RetentionRepository,
    private readonly singleton: Singleton,
    private readonly config: AppConfig,
    private readonly clock: Clock,
  ) {}

  /** The retention moves at midnight UTC, so each day once. */
  @Cron('29 * * * *')
  async tick(): Promise<void> {
    const now = this.clock.now();
    const startMs = retentionStartMs(now, this.config.retentionDays);
    if (startMs <= this.doneUntilMs) return;
    try {
      const run = await this.singleton.run('retention', (signal) => this.runOnce(now, signal));
      if (run === null) return;
      this.doneUntilMs = startMs;
      this.logger.log({ msg: 'retention', ...run.value });
    } catch (error) {
      this.logger.warn(`Retention waits for the next hour: ${(error as Error).message}`);
    }
  }

  /** Ends early, with an error, when `signal` says that another process may do the same. */
  async runOnce(now: Date, signal?: AbortSignal): Promise<RetentionCounts> {
    const startMs = retentionStartMs(now, this.config.retentionDays);
    const bounds: RetentionBounds = {
      oldestEventId: firstUuidAt(startMs),
      // An operation begins at the time that its first event gives, which may lie some minutes after its acceptance.
      beganBefore: new Date(startMs + DAY_MS),
      emptyBefore: new Date(now.getTime() - 2 * DAY_MS),
      endedBefore: new Date(startMs),
    };
    const externalIds = await repeat(ROWS_A_STATEMENT, signal, (rows) =>
      this.repository.deleteExternalIds(bounds, rows),
    );
    const recoveries = await repeat(ROWS_A_STATEMENT, signal, (rows) => this.repository.deleteRecoveries(bounds, rows));
    let [operations, emptyStats] = [0, 0];
    let after = { accountId: NIL_ACCOUNT, mode: '' };
    for (let page: AgeingLedger[] = []; ; after = page.at(-1)!) {
      page = await this.repository.listLedgers(after, bounds, LEDGERS_A_PAGE);
      for (const ledger of page) {
        if (ledger.hasExpired) {
          operations += await repeat(OPERATIONS_A_STATEMENT, signal, (rows) =>
            this.repository.expireOperations(ledger, bounds, rows),
          );
        }
        if (ledger.hasExpired || ledger.hasEmptyStats) {
          emptyStats += await repeat(ROWS_A_STATEMENT, signal, (rows) =>
            this.repository.deleteEmptyStats(ledger, bounds, rows),
          );
        }
      }
      if (page.length < LEDGERS_A_PAGE) return { operations, externalIds, emptyStats, recoveries };
    }
  }
}

/** Does `work` for up to `rows` at a time until there is nothing left to do; answers how many in all. */
async function repeat(
  rows: number,
  signal: AbortSignal | undefined,
  work: (rows: number) => Promise<number>,
): Promise<number> {
  for (let total = 0; ;) {
    signal?.throwIfAborted();
    const done = await work(rows);
    total += done;
    if (done === 0) return total;
  }
}
