import { Injectable } from '@nestjs/common';
import type { ActivityCounts } from '../../common/metrics/activity.js';
import { Database, type Statement } from '../../database/database.js';
import { PROCESS_TAG } from '../../database/process-tag.js';

// Nobody else writes this row but the same process at the same millisecond.
const WRITE: Statement = {
  name: 'process_activity.write',
  text: `
    INSERT INTO signalpost.process_activity AS target (at, process, events, deliveries, failed_attempts)
    VALUES (clock_timestamp(), $1, $2, $3, $4)
    ON CONFLICT (at, process) DO UPDATE SET
      events = target.events + excluded.events, deliveries = target.deliveries + excluded.deliveries,
      failed_attempts = target.failed_attempts + excluded.failed_attempts`,
};

// Lock: what another process deletes this moment is left to it.
const FORGET: Statement = {
  name: 'process_activity.forget',
  text: `
    DELETE FROM signalpost.process_activity a
    WHERE a.ctid = ANY (ARRAY(
      SELECT o.ctid FROM signalpost.process_activity o WHERE o.at < now() - interval '5 minutes'
      FOR UPDATE SKIP LOCKED))`,
};

const SUM_MINUTE: Statement = {
  name: 'process_activity.sum_minute',
  text: `
    SELECT coalesce(sum(a.events), 0)::float8 AS events, coalesce(sum(a.deliveries), 0)::float8 AS deliveries,
           coalesce(sum(a.failed_attempts), 0)::float8 AS "failedAttempts"
    FROM signalpost.process_activity a
    WHERE a.at > now() - interval '1 minute'`,
};

/** What all processes did lately: a few rows a minute of each that does anything. Index: primary key. */
@Injectable()
export class ActivityRepository {
  constructor(private readonly database: Database) {}

  async write({ events, deliveries, failedAttempts }: ActivityCounts): Promise<void> {
    await this.database.rows(WRITE, [PROCESS_TAG, events, deliveries, failedAttempts]);
    await this.database.rows(FORGET, []);
  }

  async sumMinute(): Promise<ActivityCounts> {
    const [row] = await this.database.rows<ActivityCounts>(SUM_MINUTE, []);
    return row!;
  }
}
