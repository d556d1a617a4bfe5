import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { JobTicks } from '../common/job-ticks.js';
import { Singleton } from '../database/singleton.js';
import { type FoundLeftovers, LeftoversRepository } from '../deliveries/leftovers.repository.js';

const TICK_MS = 1_000;
const ENDPOINTS_A_STATEMENT = 100;
const ROWS_A_STATEMENT = 1_000;

/** Ends, in batches, what disabled and deleted endpoints left unfinished; to readers those rows have ended already. */
@Injectable()
export class LeftoversJob {
  private readonly logger = new Logger(LeftoversJob.name);
  private readonly ticks = new JobTicks(({ message }) =>
    this.logger.error(`Leftover deliveries could not be ended; it is tried again: ${message}`),
  );

  constructor(
    private readonly leftovers: LeftoversRepository,
    private readonly singleton: Singleton,
  ) {}

  @Interval(TICK_MS)
  tick(): Promise<void> {
    return this.ticks.run(async () => {
      const waiting = await this.leftovers.findEndpoints(1);
      if (waiting.length > 0) await this.singleton.run('leftovers', () => this.runOnce());
    });
  }

  /** An endpoint that fails is left for the next run, and keeps none of the others waiting. */
  async runOnce(): Promise<{ endpoints: number; deliveries: number; failed: number }> {
    let [endpoints, deliveries, failed] = [0, 0, 0];
    let found = await this.leftovers.findEndpoints(ENDPOINTS_A_STATEMENT);
    for (; found.length > 0; found = await this.leftovers.findEndpoints(ENDPOINTS_A_STATEMENT, found.at(-1))) {
      for (const endpoint of found) {
        try {
          deliveries += await this.endAll(endpoint);
          endpoints += 1;
        } catch (error) {
          failed += 1;
          this.logger.error(`What ${endpoint.id} left could not be ended: ${(error as Error).message}`);
        }
      }
    }
    return { endpoints, deliveries, failed };
  }

  private async endAll(endpoint: FoundLeftovers): Promise<number> {
    let deliveries = 0;
    for (let ended = ROWS_A_STATEMENT; ended === ROWS_A_STATEMENT; deliveries += ended) {
      ended = await this.leftovers.endSome(endpoint, ROWS_A_STATEMENT);
    }
    await this.leftovers.markDone(endpoint);
    return deliveries;
  }
}
