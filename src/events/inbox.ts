import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Activity } from '../common/metrics/activity.js';
import { InboxDrain, type InboxRun } from './inbox-drain.js';
import { InboxWakeUps } from './inbox-wake-ups.js';

const TICK_MS = 1_000;

/** Drains the inbox whenever it hears of rows, and each second for those that nobody spoke of. */
@Injectable()
export class Inbox implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(Inbox.name);
  private draining: Promise<void> | null = null;
  private again = false;
  private stopped = false;

  constructor(
    private readonly drain: InboxDrain,
    private readonly wakeUps: InboxWakeUps,
    private readonly activity: Activity,
  ) {}

  onApplicationBootstrap(): void {
    this.wakeUps.onNotice(() => void this.tick());
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopped = true;
    await this.draining;
  }

  @Interval(TICK_MS)
  async tick(): Promise<void> {
    this.again = true;
    if (this.stopped) return;
    this.draining ??= this.drainAll();
    await this.draining;
  }

  /** One run; `tick` repeats it while there is something to do. */
  async runOnce(): Promise<InboxRun> {
    const run = await this.drain.run();
    this.activity.add('events', run.published);
    this.wakeUps.tell(run);
    return run;
  }

  private async drainAll(): Promise<void> {
    try {
      while (this.again && !this.stopped) {
        this.again = false;
        const { published, refused } = await this.runOnce();
        if (published + refused > 0) this.again = true;
      }
    } catch (error) {
      this.logger.error(`The inbox could not be drained; it is tried again: ${(error as Error).message}`);
    } finally {
      this.draining = null;
    }
  }
}
