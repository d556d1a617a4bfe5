import { Injectable } from '@nestjs/common';
import type { Tenant } from '../../auth/caller.js';
import { firstUuidAt } from '../../common/ids.js';
import { Database, type Statement } from '../../database/database.js';
import { LOG_COLUMNS } from '../log-statements.js';
import { StreamedLog, type StreamedLogRow } from './streamed-log.js';

/**
 * What a reader of an account and mode has seen. Ids are made before their transactions commit, in any order, so no id
 * is a position; PostgreSQL's own snapshot is: every log is seen that its snapshot shows.
 */
export interface LogPosition {
  /** Null: nothing is known; everything after `after` is read. */
  readonly seen: string | null;
  /** No log that `seen` does not show has an id up to this one. */
  readonly after: string;
  /** Within a read of several pages: what its first page could see, and its horizon. */
  readonly upTo: string | null;
  readonly first: LogHorizon | null;
}

/** What may still come, seen from a read: logs that `seen` does not show, none of them with an id up to `after`. */
export interface LogHorizon {
  readonly seen: string;
  readonly after: string;
}

export interface LogRead {
  readonly tenant: Tenant;
  readonly position: LogPosition;
}

export interface LogPageRead {
  readonly logs: readonly StreamedLog[];
  /** Whether there was nothing more to read. */
  readonly isComplete: boolean;
  readonly horizon: LogHorizon;
}

const LOGS_A_PAGE = 200;
/** Of what callers wrote, in one page; one log more than this at most. A reader has room for several pages. */
const BYTES_A_PAGE = 1024 * 1024;
/**
 * A log's id is made in a process, at most the wait for a connection (5 s) before its transaction begins, by a clock
 * that may differ from PostgreSQL's.
 */
export const ID_AHEAD_OF_TRANSACTION_MS = 15_000;

/**
 * The time before which no transaction that runs now began. Of the service's own role, which alone writes logs. Asked
 * before the snapshot of the read is taken: a transaction that the snapshot misses either runs now or begins later.
 */
const OLDEST_TRANSACTION: Statement = {
  name: 'log_stream.oldest_transaction',
  text: `
    SELECT (extract(epoch FROM least(clock_timestamp(), min(a.xact_start))) * 1000)::float8 AS ms
    FROM pg_stat_activity a
    WHERE a.datname = current_database() AND a.usename = current_user AND a.pid <> pg_backend_pid()`,
};

/**
 * Index: primary key, from `after` on: some seconds of logs, or a page of the past. `xmin` is the row's transaction in
 * 32 bits, widened by its distance from the snapshot's end. No log is written inside a savepoint, whose number would
 * not be the transaction's.
 */
const READ: Statement = {
  name: 'log_stream.read',
  text: `
    SELECT f.n::integer, s.now::text AS snapshot, l.*
    FROM (SELECT pg_current_snapshot() AS now, pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS xmax) AS s
    CROSS JOIN unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[])
      WITH ORDINALITY AS f (account_id, mode, after_id, seen, up_to, n)
    LEFT JOIN LATERAL (
      SELECT page.*, count(*) OVER ()::integer AS found, coalesce(
          sum(octet_length(page.description) + octet_length(page.metadata::text))
            OVER (ORDER BY page.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS bytes_before
      FROM (
        SELECT ${LOG_COLUMNS}, l.search
        FROM signalpost.logs l
        CROSS JOIN LATERAL (
          SELECT (s.xmax - ((s.xmax - l.xmin::text::bigint) & 4294967295))::text::xid8 AS number
        ) AS transaction
        WHERE l.account_id = f.account_id AND l.mode = f.mode AND l.id > f.after_id
          AND (f.seen IS NULL OR NOT pg_visible_in_snapshot(transaction.number, f.seen::pg_snapshot))
          AND (f.up_to IS NULL OR pg_visible_in_snapshot(transaction.number, f.up_to::pg_snapshot))
        ORDER BY l.id LIMIT ${LOGS_A_PAGE}
      ) AS page
    ) AS l ON l.bytes_before < ${BYTES_A_PAGE}
    ORDER BY f.n, l.id`,
};

type ReadRow = { readonly n: number; readonly snapshot: string } & (
  (StreamedLogRow & { readonly found: number }) | { readonly id: null }
);

/** What the streams of logs read. */
@Injectable()
export class LogStreamRepository {
  constructor(private readonly database: Database) {}

  /** A page for each of `reads`, all of one snapshot, in the order of ids. */
  async read(reads: readonly LogRead[]): Promise<LogPageRead[]> {
    const [oldest] = await this.database.rows<{ ms: number }>(OLDEST_TRANSACTION, []);
    const after = firstUuidAt(Math.floor(oldest!.ms) - ID_AHEAD_OF_TRANSACTION_MS);
    const rows = await this.database.rows<ReadRow>(READ, [
      reads.map(({ tenant }) => tenant.accountId),
      reads.map(({ tenant }) => tenant.mode),
      reads.map(({ position }) => position.after),
      reads.map(({ position }) => position.seen),
      reads.map(({ position }) => position.upTo),
    ]);
    const logsOf = reads.map((): StreamedLog[] => []);
    const found = reads.map(() => 0);
    for (const row of rows) {
      if (row.id === null) continue;
      logsOf[row.n - 1]!.push(new StreamedLog(row));
      found[row.n - 1] = row.found;
    }
    const horizon = { seen: rows[0]!.snapshot, after };
    return logsOf.map((logs, index) => {
      const isComplete = logs.length < LOGS_A_PAGE && logs.length === found[index];
      return { logs, isComplete, horizon };
    });
  }
}
