import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Clock } from '../common/clock.js';
import { JobTicks } from '../common/job-ticks.js';
import { RepeatedWarning } from '../common/repeated-warning.js';
import { Database, type Statement } from './database.js';
import { neededPartitions } from './partitions.js';
import { Singleton } from './singleton.js';

const TICK_MS = 1_000;

/** Of the partitions named, and of tables without partitions. */
const CLEAN: Statement = {
  name: 'word_index.clean',
  text: `
    SELECT sum(gin_clean_pending_list(i.oid))::integer AS pages
    FROM pg_class i
    JOIN pg_am a ON a.oid = i.relam AND a.amname = 'gin'
    JOIN pg_index x ON x.indexrelid = i.oid AND x.indisvalid
    JOIN pg_class t ON t.oid = x.indrelid
    WHERE i.relkind = 'i' AND i.relnamespace = 'signalpost'::regnamespace
      AND (NOT t.relispartition OR t.relname = ANY ($1::text[]))`,
};

/**
 * Moves what writers left in the pending lists of the word indexes into the indexes, every second, in one process at a
 * time: writers never stop to do it, and searches find little in the lists, which they read from end to end. When no
 * process does it, autovacuum will, later.
 */
@Injectable()
export class WordIndexUpkeep {
  private readonly warning: RepeatedWarning;
  private readonly ticks = new JobTicks(({ message }) =>
    this.warning.warn(`Word indexes wait for the next second: ${message}`),
  );

  constructor(
    private readonly database: Database,
    private readonly singleton: Singleton,
    private readonly clock: Clock,
  ) {
    const logger = new Logger(WordIndexUpkeep.name);
    this.warning = new RepeatedWarning((message) => logger.warn(message), clock);
  }

  /** How many pages were pending, in the months that may be written to. */
  async runOnce(now: Date): Promise<{ pages: number }> {
    const partitions = neededPartitions(now).map(({ name }) => name);
    const [row] = await this.database.rows<{ pages: number | null }>(CLEAN, [partitions]);
    return { pages: row?.pages ?? 0 };
  }

  @Interval('word-index', TICK_MS)
  tick(): Promise<void> {
    return this.ticks.run(async () => {
      await this.singleton.run('word-index', () => this.runOnce(this.clock.now()));
      this.warning.clear();
    });
  }
}
