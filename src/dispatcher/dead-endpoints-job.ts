import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { JobTicks } from '../common/job-ticks.js';
import { Database } from '../database/database.js';
import { EndpointDisabling } from '../webhooks/endpoint-disabling.js';

const TICK_MS = 2_000;

/**
 * Disables endpoints whose attempt called for it, but whose sender died before it did: the attempt left a mark in the
 * transaction that settled it.
 */
@Injectable()
export class DeadEndpointsJob {
  private readonly logger = new Logger(DeadEndpointsJob.name);
  private readonly ticks = new JobTicks(({ message }) =>
    this.logger.error(`Dead endpoints could not be disabled; it is tried again: ${message}`),
  );

  constructor(
    private readonly database: Database,
    private readonly disabling: EndpointDisabling,
  ) {}

  @Interval(TICK_MS)
  tick(): Promise<void> {
    return this.ticks.run(() => this.runOnce());
  }

  /** Any number of processes may run it at once. */
  async runOnce(): Promise<{ disabled: number }> {
    let disabled = 0;
    while (await this.database.transaction((manager) => this.disabling.disableMarked(manager))) disabled += 1;
    return { disabled };
  }
}
