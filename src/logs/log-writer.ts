import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Mode } from '../auth/caller.js';
import { Clock } from '../common/clock.js';
import { newUuid } from '../common/ids.js';
import { Database, type Statement } from '../database/database.js';
import {
  keptRequestId,
  type LogActor,
  type LogCategory,
  type LogHttp,
  type LogStatus,
  PLATFORM_LOGS,
  SYSTEM_ACTOR,
} from './log.js';
import { logText, offTimeWord } from './log-words.js';
import { readReferences } from './operation-references.js';

/** One action and its outcome. Ids are uuids; what is left out is null. */
export interface NewLog {
  /** `NIL_ACCOUNT` for the platform's own. */
  readonly accountId: string;
  /** Null for the platform's own. */
  readonly mode: Mode | null;
  readonly category: LogCategory;
  /** Such as `delivery.failed`. */
  readonly action: string;
  readonly status: LogStatus;
  /** A sentence of `descriptions.ts`. */
  readonly description: string;
  readonly operationId?: string | null;
  /** The operation's, where it is at hand, else it is looked up. Not shown, only found by. */
  readonly reference?: string | null;
  readonly eventId?: string | null;
  readonly endpointId?: string | null;
  readonly deliveryId?: string | null;
  readonly apiKeyId?: string | null;
  readonly requestId?: string | null;
  /** The system by default. */
  readonly actor?: LogActor;
  readonly http?: LogHttp | null;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Now by default. */
  readonly occurredAt?: Date;
}

const COLUMNS: ReadonlyArray<readonly [name: string, type: string, cast?: string]> = [
  ['account_id', 'uuid'],
  ['mode', 'text'],
  ['id', 'uuid'],
  ['category', 'text'],
  ['action', 'text'],
  ['status', 'text'],
  ['description', 'text'],
  ['operation_id', 'text'],
  ['event_id', 'uuid'],
  ['endpoint_id', 'uuid'],
  ['delivery_id', 'uuid'],
  ['api_key_id', 'uuid'],
  ['request_id', 'text'],
  ['actor_type', 'text'],
  ['actor_id', 'text'],
  ['actor_name', 'text'],
  ['actor_ip', 'text'],
  ['http', 'text', '::json'],
  ['metadata', 'text', '::json'],
  ['search', 'text'],
  ['occurred_at', 'timestamptz'],
];
const ID_COLUMN = 2;
const NAMES = COLUMNS.map(([name]) => name).join(', ');
const VALUES = COLUMNS.map(([name, , cast = '']) => `g.${name}${cast}`).join(', ');
const GIVEN = `unnest(${COLUMNS.map(([, type], index) => `$${index + 1}::${type}[]`).join(', ')}) AS g (${NAMES})`;

// Lock: none but the new rows'. The ledgers, by primary key, keep the statement on the shard of its accounts.
const INSERT_OF_ACCOUNTS: Statement = {
  name: 'logs.insert',
  text: `INSERT INTO signalpost.logs AS target (${NAMES})
    SELECT ${VALUES}
    FROM signalpost.ledgers l JOIN ${GIVEN} ON l.account_id = g.account_id AND l.mode = g.mode
    WHERE l.account_id = ANY ($1::uuid[])`,
};

// The platform has no ledger.
const INSERT_OF_PLATFORM: Statement = {
  name: 'logs.insert_platform',
  text: `INSERT INTO signalpost.logs AS target (${NAMES}) SELECT ${VALUES} FROM ${GIVEN}`,
};

/** Writes logs, many with one statement, and another one before it where they are about operations. */
@Injectable()
export class LogWriter {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * Ids are made here, inside `manager`'s transaction when given: a log's id is never much older than its commit, which
   * is what readers of the stream rely on. Logs of one call keep their order; their ids come back in it. All are
   * written or none, so that who failed may try again.
   */
  async write(logs: readonly NewLog[], manager?: EntityManager): Promise<readonly string[]> {
    // Those of tenants and of the platform go out as two statements.
    if (!manager && new Set(logs.map(isOfPlatform)).size > 1) {
      return this.database.transaction((own) => this.write(logs, own));
    }
    const references = await readReferences(this.database, logs, manager);
    const now = this.clock.now();
    const rows = logs.map((log, index) =>
      toValues(log, references[index] ?? null, newUuid(now.getTime(), Math.min(index, 0xfff)), now),
    );
    const [platform, tenants] = [true, false].map((ofPlatform) =>
      rows.filter((_row, index) => isOfPlatform(logs[index]!) === ofPlatform),
    ) as [unknown[][], unknown[][]];
    if (tenants.length > 0) await this.database.rows(INSERT_OF_ACCOUNTS, toArrays(tenants), manager);
    if (platform.length > 0) await this.database.rows(INSERT_OF_PLATFORM, toArrays(platform), manager);
    return rows.map((row) => row[ID_COLUMN] as string);
  }
}

function isOfPlatform({ accountId }: NewLog): boolean {
  return accountId === PLATFORM_LOGS.accountId;
}

/** One array a column. */
function toArrays(rows: readonly unknown[][]): unknown[][] {
  return COLUMNS.map((_column, index) => rows.map((row) => row[index]));
}

function toValues(log: NewLog, reference: string | null, id: string, now: Date): unknown[] {
  const actor = log.actor ?? SYSTEM_ACTOR;
  return [
    log.accountId,
    log.mode ?? PLATFORM_LOGS.mode,
    id,
    log.category,
    log.action,
    log.status,
    log.description,
    log.operationId ?? null,
    log.eventId ?? null,
    log.endpointId ?? null,
    log.deliveryId ?? null,
    log.apiKeyId ?? null,
    log.requestId ? keptRequestId(log.requestId) : null,
    actor.type,
    actor.id,
    actor.name,
    actor.ip,
    log.http ? JSON.stringify(log.http) : null,
    JSON.stringify(log.metadata ?? {}),
    logText({ operationId: log.operationId, reference, description: log.description }) +
      offTimeWord((log.occurredAt ?? now).getTime(), now.getTime()),
    (log.occurredAt ?? now).toISOString(),
  ];
}
