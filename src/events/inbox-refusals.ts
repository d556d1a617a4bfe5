import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AccountDirectory } from '../accounts/account-directory.js';
import type { AppError } from '../common/app-error.js';
import { isPlainObject } from '../common/field-rule.js';
import { DEFAULT_JSON_LIMITS, readJson } from '../common/input/json-gate.js';
import { maskText } from '../common/masked-text.js';
import { OPERATION_ID_PATTERN } from '../common/operation-id.js';
import { toldOf } from '../common/problem.js';
import { describeRefusedEvent } from '../logs/descriptions.js';
import { LogWriter, type NewLog } from '../logs/log-writer.js';
import { EXTERNAL_ID_PATTERN } from './event-input.schema.js';
import { InboxRepository, type InboxEvent } from './inbox.repository.js';

export interface RefusedRow {
  readonly row: InboxEvent;
  readonly error: AppError;
}

const MAX_FIELDS_SHOWN = 5;
/** Whoever writes to the inbox puts the type first, so it is known even of input that cannot be read. */
const TYPE = /^\{"type":"([a-z0-9_.]{1,64})"/;

/** Keeps what the ingest refused where its producer finds it: the row with its error, and a log of the account. */
@Injectable()
export class InboxRefusals {
  constructor(
    private readonly repository: InboxRepository,
    private readonly accounts: AccountDirectory,
    private readonly logs: LogWriter,
  ) {}

  async keep(refused: readonly RefusedRow[], manager: EntityManager): Promise<void> {
    if (refused.length === 0) return;
    const errors = refused.map(({ row, error }) => ({ position: row.position, ...toldOf(error) }));
    await this.repository.markRefused(errors, manager);
    const logs: NewLog[] = [];
    for (const one of refused) {
      const log = await this.toLog(one, manager);
      if (log !== null) logs.push(log);
    }
    await this.logs.write(logs, manager);
  }

  /** Null without an account that could read it. */
  private async toLog({ row, error }: RefusedRow, manager: EntityManager): Promise<NewLog | null> {
    const account = await this.accounts.find(row.account_id, manager);
    if (account === null) return null;
    const fields = error.errors.slice(0, MAX_FIELDS_SHOWN).map(({ field }) => field);
    const { operationId, reference, externalId } = namesIn(row.input);
    return {
      accountId: row.account_id,
      mode: row.mode,
      category: 'operation',
      action: 'event.refused',
      status: 'failed',
      description: describeRefusedEvent(account.locale, {
        type: TYPE.exec(row.input)?.[1] ?? null,
        code: error.code,
        fields,
      }),
      operationId,
      reference,
      metadata: {
        source: row.source,
        position: row.position,
        external_id: externalId === null ? null : maskText(externalId),
        error: toldOf(error),
      },
    };
  }
}

interface Names {
  readonly operationId: string | null;
  readonly reference: string | null;
  readonly externalId: string | null;
}

/** What the event calls itself and its operation, as far as that is well-formed. */
function namesIn(text: string): Names {
  let input: unknown = null;
  try {
    input = readJson(Buffer.from(text), DEFAULT_JSON_LIMITS).value;
  } catch {
    // Refused for its JSON: it has no names.
  }
  if (!isPlainObject(input)) return { operationId: null, reference: null, externalId: null };
  const { operation, external_id: externalId } = input;
  return {
    operationId: isPlainObject(operation) ? textOf(operation.id, OPERATION_ID_PATTERN) : null,
    reference: isPlainObject(operation) ? textOf(operation.reference, /^.{1,200}$/su) : null,
    externalId: textOf(externalId, EXTERNAL_ID_PATTERN),
  };
}

function textOf(value: unknown, form: RegExp): string | null {
  return typeof value === 'string' && form.test(value) ? value : null;
}
