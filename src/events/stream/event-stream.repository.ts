import { Injectable } from '@nestjs/common';
import type { Tenant } from '../../auth/caller.js';
import { firstUuidAt } from '../../common/ids.js';
import { uuidBefore } from '../../common/uuid-order.js';
import { Database, type Statement } from '../../database/database.js';
import { DELIVERY_STATUSES, type DeliveryStatus, hasDelivery } from '../../deliveries/delivery-rows.js';
import { type EventRow, StreamedEvent } from './streamed-event.js';

/** A place in the events of an account and mode: after this sequence, and after this uuid. */
export interface StreamPosition {
  readonly sequence: number;
  readonly id: string;
}

/** A read of one account and mode: what comes after the position, in order. */
export interface FollowedLedger {
  readonly tenant: Tenant;
  readonly after: string;
  readonly needsDeliveryStatuses: boolean;
}

export interface LedgerEvents {
  readonly events: readonly StreamedEvent[];
  /** Whether there was nothing more to read. */
  readonly isComplete: boolean;
}

/** What the ledger of a stream says when the stream begins. */
export interface LedgerEnds {
  readonly newest: StreamPosition;
  /** Just before the oldest event that is kept; asked for with sequence 0 only. */
  readonly beforeOldest: StreamPosition | null;
  /** The event of the sequence asked for, when it is kept. */
  readonly asked: StreamPosition | null;
}

const EVENTS_A_LEDGER = 200;
/** Of bodies, in one read; one event more than this at most. */
const BYTES_A_READ = 4 * 1024 * 1024;

/**
 * Index: the ledger's primary key; the events' primary key for the oldest, events_by_sequence for the one asked for.
 * Guarantee: one snapshot, so that what is committed later is after `newest`.
 */
const READ_ENDS: Statement = {
  name: 'event_stream.ends',
  text: `
    SELECT l.last_sequence::float8 AS last_sequence, l.last_event_ms::float8 AS last_event_ms,
      (SELECT e.sequence::float8 FROM signalpost.events e
       WHERE $3::bigint = 0 AND e.account_id = $1 AND e.mode = $2 AND e.id >= $4 ORDER BY e.id LIMIT 1) AS oldest,
      (SELECT e.id FROM signalpost.events e
       WHERE e.account_id = $1 AND e.mode = $2 AND e.sequence = $3 AND e.id >= $4) AS asked
    FROM signalpost.ledgers l WHERE l.account_id = $1 AND l.mode = $2`,
};

/**
 * Index: primary key, from the position's id on; each ledger's scan stops after its page, and only the newest
 * partitions are touched. Bodies beyond the bound are counted, not fetched.
 */
const READ_AFTER: Statement = {
  name: 'event_stream.read_after',
  text: `
    SELECT p.n::integer, p.found::integer, p.sequence::float8 AS sequence, p.id, p.type, p.external_id, p.operation_id,
      p.operation_kind, p.operation_status, p.reference, p.search,
      (extract(epoch FROM p.occurred_at) * 1000)::float8 AS occurred_ms, p.body
    FROM (
      SELECT f.n, e.*, count(*) OVER () AS found,
        sum(octet_length(e.body)) OVER (ORDER BY f.n, e.id) - octet_length(e.body) AS bytes_before
      FROM unnest($1::uuid[], $2::text[], $3::uuid[]) WITH ORDINALITY AS f (account_id, mode, after_id, n)
      CROSS JOIN LATERAL (
        SELECT e.sequence, e.id, e.type, e.external_id, e.operation_id, e.operation_kind, e.operation_status,
          e.reference, e.search, e.occurred_at, e.body
        FROM signalpost.events e
        WHERE e.account_id = f.account_id AND e.mode = f.mode AND e.id > f.after_id
        ORDER BY e.id LIMIT ${EVENTS_A_LEDGER}
      ) AS e
    ) AS p
    WHERE p.bytes_before < ${BYTES_A_READ}
    ORDER BY p.n, p.id`,
};

// Index: primary key, backwards from the bound.
const READ_LAST_BEFORE: Statement = {
  name: 'event_stream.last_before',
  text: `
    SELECT e.sequence::float8 AS sequence FROM signalpost.events e
    WHERE e.account_id = $1 AND e.mode = $2 AND e.id > $3 AND e.id < $4 ORDER BY e.id DESC LIMIT 1`,
};

/** Index: as `hasDelivery` says; for the events of one page. */
const READ_DELIVERY_STATUSES: Statement = {
  name: 'event_stream.delivery_statuses',
  text: `
    SELECT wanted.id, given.status
    FROM unnest($3::uuid[]) AS wanted (id) CROSS JOIN unnest($4::text[]) AS given (status)
    WHERE ${hasDelivery('wanted.id', 'ARRAY[given.status]')}`,
};

interface EndsRow {
  readonly last_sequence: number;
  readonly last_event_ms: number;
  readonly oldest: number | null;
  readonly asked: string | null;
}

interface AfterRow {
  readonly n: number;
  readonly found: number;
  readonly sequence: number;
  readonly id: string;
  readonly type: string;
  readonly external_id: string | null;
  readonly operation_id: string | null;
  readonly operation_kind: string | null;
  readonly operation_status: string | null;
  readonly reference: string | null;
  readonly search: string;
  readonly occurred_ms: number;
  readonly body: string;
}

type StatusesByEvent = ReadonlyMap<string, ReadonlySet<DeliveryStatus>>;
const NO_STATUS: ReadonlySet<DeliveryStatus> = new Set();

/** What the streams of events read. */
@Injectable()
export class EventStreamRepository {
  constructor(private readonly database: Database) {}

  /** `sequence`: where the reader wants to go on, null for now; `from`: the first uuid within the retention. */
  async readEnds({ accountId, mode }: Tenant, sequence: number | null, from: string): Promise<LedgerEnds> {
    const [row] = await this.database.rows<EndsRow>(READ_ENDS, [accountId, mode, sequence, from]);
    if (row === undefined) return { newest: { sequence: 0, id: from }, beforeOldest: null, asked: null };
    return {
      newest: { sequence: row.last_sequence, id: firstUuidAt(row.last_event_ms + 1) },
      beforeOldest: row.oldest === null ? null : { sequence: row.oldest - 1, id: from },
      asked: row.asked === null || sequence === null ? null : { sequence, id: row.asked },
    };
  }

  /** The place just before the uuid `bound`, which lies after the position. */
  async readPlaceBefore({ accountId, mode }: Tenant, bound: string, after: StreamPosition): Promise<StreamPosition> {
    const values = [accountId, mode, after.id, bound];
    const [row] = await this.database.rows<{ sequence: number }>(READ_LAST_BEFORE, values);
    return { sequence: row?.sequence ?? after.sequence, id: uuidBefore(bound) };
  }

  /** What comes after the positions, for each of `ledgers`, in as many as fit in one bounded read. */
  async readAfter(ledgers: readonly FollowedLedger[]): Promise<LedgerEvents[]> {
    const rows = await this.database.rows<AfterRow>(READ_AFTER, [
      ledgers.map(({ tenant }) => tenant.accountId),
      ledgers.map(({ tenant }) => tenant.mode),
      ledgers.map(({ after }) => after),
    ]);
    const rowsOf = ledgers.map((): AfterRow[] => []);
    for (const row of rows) rowsOf[row.n - 1]!.push(row);
    const isCut = rows.length > 0 && rows.length < rows[0]!.found;
    const lastRead = isCut ? rows.at(-1)!.n - 1 : ledgers.length;
    return Promise.all(
      ledgers.map(async (ledger, index) => {
        const own = rowsOf[index]!;
        const statuses = ledger.needsDeliveryStatuses ? await this.readDeliveryStatuses(ledger.tenant, own) : null;
        return {
          events: own.map((row) => new StreamedEvent(toEventRow(row), statusesOf(statuses, row.id))),
          isComplete: index < lastRead && own.length < EVENTS_A_LEDGER,
        };
      }),
    );
  }

  private async readDeliveryStatuses({ accountId, mode }: Tenant, rows: readonly AfterRow[]): Promise<StatusesByEvent> {
    const found = new Map<string, Set<DeliveryStatus>>();
    if (rows.length === 0) return found;
    const pairs = await this.database.rows<{ id: string; status: DeliveryStatus }>(READ_DELIVERY_STATUSES, [
      accountId,
      mode,
      rows.map(({ id }) => id),
      [...DELIVERY_STATUSES],
    ]);
    for (const { id, status } of pairs) found.set(id, (found.get(id) ?? new Set()).add(status));
    return found;
  }
}

function statusesOf(statuses: StatusesByEvent | null, id: string): ReadonlySet<DeliveryStatus> | null {
  return statuses === null ? null : (statuses.get(id) ?? NO_STATUS);
}

function toEventRow(row: AfterRow): EventRow {
  return {
    sequence: row.sequence,
    id: row.id,
    type: row.type,
    externalId: row.external_id,
    operationId: row.operation_id,
    operationKind: row.operation_kind,
    operationStatus: row.operation_status,
    reference: row.reference,
    search: row.search,
    occurredAtMs: row.occurred_ms,
    body: row.body,
  };
}
