import type { SignalpostLogger } from './common/logging.js';
import { ConfigError } from './config/settings-reader.js';
import { StartError } from './database/start-error.js';

/** Requests, claims and the database get this long to end; then the process ends without them. */
const SHUTDOWN_MS = 20_000;
/** What an error may still put in order before the process ends. */
const FAILURE_MS = 8_000;

/** How the process ends: by a signal, in order and in time, or by an error that nobody caught. */
export class Lifecycle {
  logger: SignalpostLogger | null = null;
  private readonly startAborter = new AbortController();
  private readonly endings: (() => Promise<unknown>)[] = [];
  private ending = false;

  constructor() {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void this.stop(signal));
    process.on('uncaughtException', (error) => void this.fail(error));
    process.on('unhandledRejection', (error) => void this.fail(error));
  }

  /** Aborts when the process is told to end before it has started. */
  get starting(): AbortSignal {
    return this.startAborter.signal;
  }

  /** Adds a step to the end of the process; steps run in the reverse order. */
  onEnd(step: () => Promise<unknown>): void {
    this.endings.unshift(step);
  }

  /** Tells why the process cannot go on, in one line where the trouble is known, and ends it with status 1. */
  async fail(error: unknown): Promise<void> {
    // A start that a signal cut short is no failure.
    if (this.ending) return;
    this.ending = true;
    this.tell(error);
    await this.end(FAILURE_MS, 1);
  }

  private async stop(signal: NodeJS.Signals): Promise<void> {
    // A second Ctrl-C is from somebody who does not want to wait.
    if (this.ending) {
      if (signal === 'SIGINT') process.exit(130);
      return;
    }
    this.ending = true;
    this.logger?.log(`${signal}: ending.`);
    this.startAborter.abort();
    await this.end(SHUTDOWN_MS, 0);
  }

  private async end(timeoutMs: number, status: number): Promise<void> {
    const timer = setTimeout(() => {
      this.logger?.error(`Not everything ended within ${timeoutMs / 1_000} s; leaving it.`);
      process.exit(1);
    }, timeoutMs);
    let exitStatus = status;
    for (const step of this.endings) {
      await step().catch((error: unknown) => {
        this.tell(error);
        exitStatus = 1;
      });
    }
    clearTimeout(timer);
    process.exit(exitStatus);
  }

  private tell(error: unknown): void {
    if (error instanceof ConfigError || error instanceof StartError) {
      process.stderr.write(`Signalpost cannot start: ${error.message}\n`);
    } else if (this.logger !== null) {
      this.logger.fatal(error instanceof Error ? error : new Error(String(error)));
    } else {
      process.stderr.write(`Signalpost ends: ${(error as Error).message ?? String(error)}\n`);
    }
  }
}
