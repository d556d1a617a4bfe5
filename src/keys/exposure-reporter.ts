import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { type BrowserRefusal, RefusalHook } from '../auth/refusal-hook.js';
import { Database } from '../database/database.js';
import { RequestLogger } from '../logs/request-logger.js';
import { SparingLogs } from '../logs/sparing-logs.js';
import { KeyJournal } from './key-journal.js';

/** Writes down, for the account, that a web page used a key that must stay on servers. */
@Injectable()
export class ExposureReporter implements OnModuleInit {
  private readonly logger = new Logger(ExposureReporter.name);

  constructor(
    private readonly hook: RefusalHook,
    private readonly journal: KeyJournal,
    private readonly database: Database,
    private readonly sparing: SparingLogs,
    private readonly requestLogger: RequestLogger,
  ) {}

  onModuleInit(): void {
    this.hook.onBrowserRefusal((refusal) => {
      this.report(refusal).catch((error: unknown) => {
        this.logger.error({
          msg: 'A key seen in a browser was refused; its log waits, its event is not published.',
          error,
        });
      });
    });
  }

  private async report(refusal: BrowserRefusal): Promise<void> {
    const { credential } = refusal;
    const name = credential.kind === 'admin' ? `admin ${credential.name}` : credential.id;
    const leftOut = this.sparing.take('secret_key_in_browser', name);
    if (leftOut === null) return;
    const log = this.journal.logOfBrowserRefusal(refusal, leftOut);
    try {
      await this.database.transaction((manager) => this.journal.refusedInBrowser(refusal, log, manager));
    } catch (error) {
      this.requestLogger.hold(log);
      throw error;
    }
  }
}
