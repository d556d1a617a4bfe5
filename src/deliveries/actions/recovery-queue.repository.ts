import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../../auth/caller.js';
import { Database, type Statement } from '../../database/database.js';
import type { LaneId } from '../lane-signals.js';
import { ResendsRepository } from './resends.repository.js';

/** Which events a recovery sends: see migrations/functions/recovery_candidates.sql. */
export const RECOVERY_SELECTIONS = ['undelivered', 'failed', 'missing', 'all'] as const;
export type RecoverySelection = (typeof RECOVERY_SELECTIONS)[number];

/** A part of an endpoint's events: of these exact types (or `*`), after one id and before another. */
export interface RecoveryRange {
  readonly endpointId: string;
  readonly types: readonly string[];
  readonly selection: RecoverySelection;
  readonly after: string;
  readonly before: string;
}

/** What one step looked at; fewer than it might have: there is no more. */
export interface CountedStep {
  readonly looked: number;
  readonly succeeded: number;
  readonly wanted: number;
  /** The last event looked at; null when there was none. */
  readonly last: string | null;
}

export interface PlannedStep {
  /** To be woken in this process once the step is committed. */
  readonly lanes: readonly LaneId[];
  readonly looked: number;
  readonly planned: number;
  /** Everything up to this event is done; null when nothing was looked at. */
  readonly last: string | null;
  /** There were more to send than could be. */
  readonly is_cut: boolean;
}

/** Those of the account, one probe each, whether or not they are registered now. Index: events_by_type. */
const KNOWN_TYPES: Statement = {
  name: 'recovery_queue.known_types',
  text: `WITH RECURSIVE known AS (
      (SELECT e.type FROM signalpost.events e WHERE e.account_id = $1 AND e.mode = $2 ORDER BY e.type LIMIT 1)
      UNION ALL
      SELECT following.type FROM known CROSS JOIN LATERAL (
        SELECT e.type FROM signalpost.events e WHERE e.account_id = $1 AND e.mode = $2 AND e.type > known.type
        ORDER BY e.type LIMIT 1
      ) AS following
    )
    SELECT known.type FROM known WHERE known.type = ANY ($3::text[])
      OR split_part(known.type, '.', 1) || '.*' = ANY ($3::text[])`,
};

const CANDIDATES = `signalpost.recovery_candidates($1::uuid, $2::text, $3::uuid, $4::text[], $5::text, $6::uuid,
  $7::uuid, $8::integer)`;

const COUNT: Statement = {
  name: 'recovery_queue.count',
  text: `SELECT count(*)::integer AS looked, count(*) FILTER (WHERE c.is_succeeded)::integer AS succeeded,
      count(*) FILTER (WHERE c.is_wanted)::integer AS wanted,
      (array_agg(c.event_id ORDER BY c.event_id DESC))[1] AS last
    FROM ${CANDIDATES} AS c`,
};

/*
 * Plans the first `$9` of those wanted, in the order of their events and due in it. Ids are of this millisecond and
 * ascend. Outside any order: no order_key. The caller holds the endpoint.
 */
const PLAN: Statement = {
  name: 'recovery_queue.plan',
  text: `WITH looked AS MATERIALIZED (
      SELECT c.*, count(*) FILTER (WHERE c.is_wanted) OVER (ORDER BY c.event_id) AS place FROM ${CANDIDATES} AS c
    ), done AS MATERIALIZED (
      SELECT looked.* FROM looked WHERE looked.place <= $9::integer
    ), planned AS (
      INSERT INTO signalpost.pending_deliveries AS target (
        account_id, mode, id, endpoint_id, endpoint_epoch, event_id, event_type, operation_id, trigger, recovery_id,
        due_at)
      SELECT w.account_id, w.mode,
             ($10::text || '7' || lpad(to_hex((done.place - 1) % 4096), 3, '0')
               || right(replace(gen_random_uuid()::text, '-', ''), 16))::uuid,
             w.id, w.epoch, done.event_id, done.event_type, done.operation_id, 'recovery', $11::uuid, now()
      FROM done
      JOIN signalpost.webhook_endpoints w ON w.account_id = $1 AND w.mode = $2 AND w.id = $3
      WHERE done.is_wanted
      RETURNING 1
    )
    SELECT (SELECT count(*) FROM looked)::integer AS looked, (SELECT count(*) FROM planned)::integer AS planned,
      (SELECT done.event_id FROM done ORDER BY done.event_id DESC LIMIT 1) AS last,
      (SELECT count(*) FROM looked) > (SELECT count(*) FROM done) AS is_cut`,
};

/** What recoveries read of deliveries and write to the queue, a bounded step a statement. */
@Injectable()
export class RecoveryQueueRepository {
  constructor(
    private readonly database: Database,
    private readonly resends: ResendsRepository,
  ) {}

  /** The exact types that an endpoint's patterns stand for, in this account; `*` stays. */
  async resolveTypes(
    { accountId, mode }: Tenant,
    patterns: readonly string[],
    manager?: EntityManager,
  ): Promise<readonly string[]> {
    if (patterns.includes('*')) return ['*'];
    if (!patterns.some((pattern) => pattern.endsWith('.*'))) return patterns;
    const rows = await this.database.rows<{ type: string }>(KNOWN_TYPES, [accountId, mode, patterns], manager);
    return rows.map(({ type }) => type);
  }

  async count(tenant: Tenant, range: RecoveryRange, reach: number, manager?: EntityManager): Promise<CountedStep> {
    const [row] = await this.database.rows<CountedStep>(COUNT, [...rangeValues(tenant, range), reach], manager);
    return row!;
  }

  /** Plans up to `most` deliveries of the recovery and wakes their lane; `timeMs` is the time in their ids. */
  async plan(
    tenant: Tenant,
    range: RecoveryRange,
    { recoveryId, reach, most, timeMs }: { recoveryId: string; reach: number; most: number; timeMs: number },
    manager: EntityManager,
  ): Promise<PlannedStep> {
    const hex = timeMs.toString(16).padStart(12, '0');
    const values = [...rangeValues(tenant, range), reach, most, hex, recoveryId];
    const [row] = await this.database.rows<Omit<PlannedStep, 'lanes'>>(PLAN, values, manager);
    const lanes = row!.planned > 0 ? await this.resends.wake(tenant, [range.endpointId], manager) : [];
    return { ...row!, lanes };
  }
}

function rangeValues(tenant: Tenant, { endpointId, types, selection, after, before }: RecoveryRange): unknown[] {
  return [tenant.accountId, tenant.mode, endpointId, types, selection, after, before];
}
