import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { type BrowserRefusal, RefusalHook } from '../auth/refusal-hook.js';
import { TokenBuckets } from '../auth/limits/token-buckets.js';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import { KeyJournal } from './key-journal.js';

/** A page with many visitors must not become as many logs: the first ones, then one every five seconds and process. */
const LOGS_PER_KEY = { burst: 20, perSecond: 0.2 } as const;

/** Writes down, for the account, that a web page used a key that must stay on servers. */
@Injectable()
export class ExposureReporter implements OnModuleInit {
  private readonly logger = new Logger(ExposureReporter.name);
  private readonly buckets = new TokenBuckets(LOGS_PER_KEY);

  constructor(
    private readonly hook: RefusalHook,
    private readonly journal: KeyJournal,
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.hook.onBrowserRefusal((refusal) => {
      this.report(refusal).catch((error: unknown) => {
        this.logger.error({ msg: 'A key seen in a browser was refused, and not logged.', error });
      });
    });
  }

  private async report(refusal: BrowserRefusal): Promise<void> {
    const { credential } = refusal;
    const name = credential.kind === 'admin' ? `admin ${credential.name}` : credential.id;
    if (!this.buckets.take(name, this.clock.monotonicMs()).allowed) return;
    await this.database.transaction((manager) => this.journal.refusedInBrowser(refusal, manager));
  }
}
