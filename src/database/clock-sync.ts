import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { DataSource } from 'typeorm';
import { Clock } from '../common/clock.js';

const SYNC_MS = 30_000;
/** Less is no matter: readers of time-ordered data allow for more. */
const TOLERATED_MS = 1_000;
/** An answer that took longer tells too little to change what a quicker one told. */
const LONGEST_ROUND_TRIP_MS = 1_000;

/** What one look at the database's clock told. */
export interface ClockReading {
  /** What to add to this machine's clock so that it shows the database's; 0 when it is right, as far as can be told. */
  readonly correctionMs: number;
  readonly roundTripMs: number;
}

export async function readClock(dataSource: DataSource): Promise<ClockReading> {
  const askedMs = Date.now();
  const startedMs = performance.now();
  const [row] = await dataSource.query<{ now_ms: number }[]>(
    'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now_ms',
  );
  const roundTripMs = performance.now() - startedMs;
  const halfWayMs = roundTripMs / 2;
  const correctionMs = Math.round(row!.now_ms - askedMs - halfWayMs);
  return { correctionMs: Math.abs(correctionMs) > TOLERATED_MS + halfWayMs ? correctionMs : 0, roundTripMs };
}

/**
 * Keeps this process's clock by the database's. On a machine with a wrong date it would otherwise sign requests that
 * receivers refuse as too old, end deliveries as if their days had passed, and drop months that are not past the
 * retention.
 */
@Injectable()
export class ClockSync implements OnModuleInit {
  private readonly logger = new Logger('Clock');
  private isWrong = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Before any job begins, by whatever reading there is: a coarse one is better than none. */
  async onModuleInit(): Promise<void> {
    this.correct(await readClock(this.dataSource));
  }

  /** While the database is away or slow to answer, the clock goes on as it was. */
  @Interval(SYNC_MS)
  async tick(): Promise<void> {
    const reading = await readClock(this.dataSource).catch(() => null);
    if (reading !== null && reading.roundTripMs <= LONGEST_ROUND_TRIP_MS) this.correct(reading);
  }

  private correct({ correctionMs }: ClockReading): void {
    this.clock.correct(correctionMs);
    if (correctionMs !== 0 && !this.isWrong) {
      const seconds = Math.round(Math.abs(correctionMs) / 1_000);
      const direction = correctionMs > 0 ? 'behind' : 'ahead of';
      this.logger.warn(`This machine's clock is ${seconds} s ${direction} the database's, by which this process goes.`);
    }
    this.isWrong = correctionMs !== 0;
  }
}
