import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { LaneSignals } from '../../deliveries/lane-signals.js';
import { RecoverySteps, type StepMoment, type StepResult } from './recovery-steps.js';
import { RecoveriesRepository, type RecoveryRef } from './recoveries.repository.js';

const RECOVERIES_A_RUN = 100;
/** So many steps of one recovery, then the next one has its turn. */
const STEPS_A_RUN = 50;

export interface RecoveryCounts {
  readonly recoveries: number;
  readonly deliveries: number;
  readonly ended: number;
  /** Steps that failed; they changed nothing and are tried again. */
  readonly broken: number;
}

/** Carries recoveries on, one transaction a step, so that a death costs at most the step that it broke off. */
@Injectable()
export class RecoveryRunner {
  private readonly logger = new Logger(RecoveryRunner.name);

  constructor(
    private readonly repository: RecoveriesRepository,
    private readonly steps: RecoverySteps,
    private readonly database: Database,
    private readonly signals: LaneSignals,
  ) {}

  async hasWork(): Promise<boolean> {
    return (await this.repository.findRunning(1)).length > 0;
  }

  /**
   * Each running recovery as far as its pace allows at `now` (null: the database's clock), or until `signal` tells
   * that another process may run them.
   */
  async runOnce(now: Date | null = null, signal?: AbortSignal): Promise<RecoveryCounts> {
    const counts = { recoveries: 0, deliveries: 0, ended: 0, broken: 0 };
    for (const ref of await this.repository.findRunning(RECOVERIES_A_RUN)) {
      if (signal?.aborted) break;
      counts.recoveries += 1;
      try {
        await this.carryOn(ref, now, counts, signal);
      } catch (error) {
        // The others are not held up by it.
        counts.broken += 1;
        this.logger.error(`Recovery ${ref.id} could not be carried on; it is tried again: ${(error as Error).message}`);
      }
    }
    return counts;
  }

  private async carryOn(
    ref: RecoveryRef,
    now: Date | null,
    counts: { deliveries: number; ended: number },
    signal?: AbortSignal,
  ): Promise<void> {
    for (let step = 0, isLast = false; step < STEPS_A_RUN && !signal?.aborted; step++) {
      const moment: StepMoment = { now, isLast };
      const result: StepResult = await this.database.transaction((manager) => this.steps.run(ref, moment, manager));
      this.signals.wake(result.lanes);
      counts.deliveries += result.planned;
      counts.ended += result.state === 'ended' ? 1 : 0;
      if (result.state !== 'more' && result.state !== 'at_end') return;
      isLast = result.state === 'at_end';
    }
  }
}
