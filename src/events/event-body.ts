import { encodeId } from '../common/ids.js';
import type { Mode } from '../auth/caller.js';
import { coverKnownPersons } from '../common/covered-persons.js';
import type { Cause, Customer, OperationState } from './operation-state.js';

/** The parts of an event's body that are known before its id, sequence and time are given; see publish_events.sql. */
export interface EventBodyParts {
  readonly toSequence: string;
  readonly toCreated: string;
  readonly tail: string;
}

export interface EventBodyInput {
  readonly accountId: string;
  readonly mode: Mode;
  readonly type: string;
  readonly source: string;
  readonly externalId: string | null;
  readonly occurredAtMs: number;
  readonly operation: { snapshot: OperationState; previousStatus: string | null; stale: boolean } | null;
  readonly data: unknown;
}

/** Serialises an event once; the bytes that come of it are stored, signed, sent and read. */
export function renderEventBody(input: EventBodyInput): EventBodyParts {
  const externalId = input.externalId === null ? 'null' : JSON.stringify(input.externalId);
  return {
    toSequence:
      `","object":"event","account":"${accountIdText(input.accountId)}","mode":"${input.mode}",` +
      `"type":"${input.type}","source":"${input.source}","external_id":${externalId},"sequence":`,
    toCreated: `,"occurred_at":"${new Date(input.occurredAtMs).toISOString()}","created_at":"`,
    tail: `","operation":${renderOperation(input.operation)},"data":${JSON.stringify(input.data)}}`,
  };
}

const BEFORE_OPERATION = ',"operation":';

export interface ErasedBody {
  readonly body: string;
  /** Who was in it. */
  readonly customer: Customer | null;
}

/**
 * The stored bytes of an event without what is personal in them: `customer` null, `metadata` and `data` empty, it and
 * the `customers` covered where the cause names them, as a rendering of that would be, and every other byte as it was.
 * An event without an operation stays as it is.
 */
export function eraseEventBody(body: string, customers: readonly Customer[] = []): ErasedBody {
  // A quotation mark inside a text is escaped, so the first match is the event's own key.
  const head = body.slice(0, body.indexOf(BEFORE_OPERATION));
  const { operation } = JSON.parse(body) as { operation: Pick<OperationState, 'customer' | 'cause'> | null };
  if (operation === null) return { body, customer: null };
  const { customer } = operation;
  const cause = coverCause(operation.cause, [customer, ...customers]);
  const erased = JSON.stringify({ ...operation, customer: null, cause, metadata: {} });
  return { body: `${head}${BEFORE_OPERATION}${erased},"data":{}}`, customer };
}

/** Who is in the stored bytes of an event. */
export function customerIn(body: string): Customer | null {
  const { operation } = JSON.parse(body) as { operation: Pick<OperationState, 'customer'> | null };
  return operation?.customer ?? null;
}

/** A cause without those whom it names. */
export function coverCause(cause: Cause | null, customers: readonly (Customer | null)[]): Cause | null {
  if (cause === null) return null;
  const { code, description } = cause;
  return {
    code: code === null ? null : coverKnownPersons(code, customers),
    description: description === null ? null : coverKnownPersons(description, customers),
  };
}

const REFERENCE = /,"reference":("(?:[^"\\]|\\.)*"|null)/g;

/**
 * The reference of the operation in an event's stored bytes; null: none. Nothing else is parsed: what stands before it
 * is short, and what follows may be long.
 */
export function referenceIn(body: string): string | null {
  // As above; nor can a text before the operation's own key be that key.
  const start = body.indexOf(BEFORE_OPERATION) + BEFORE_OPERATION.length;
  if (body[start] !== '{') return null;
  REFERENCE.lastIndex = start;
  const [, reference] = REFERENCE.exec(body) ?? [];
  return reference === undefined ? null : (JSON.parse(reference) as string | null);
}

function renderOperation(operation: EventBodyInput['operation']): string {
  if (operation === null) return 'null';
  const { snapshot, previousStatus, stale } = operation;
  return JSON.stringify({
    id: snapshot.id,
    kind: snapshot.kind,
    status: snapshot.status,
    previous_status: previousStatus,
    version: snapshot.version,
    stale,
    amount: snapshot.amount,
    currency: snapshot.currency,
    reference: snapshot.reference,
    channel: snapshot.channel,
    customer: snapshot.customer,
    cause: snapshot.cause,
    metadata: snapshot.metadata,
  });
}

const accountIdTexts = new Map<string, string>();
const MAX_ACCOUNT_TEXTS = 10_000;

/** Encoding an id costs more than the rest of a small body; a process meets the same accounts again and again. */
function accountIdText(accountId: string): string {
  let text = accountIdTexts.get(accountId);
  if (text === undefined) {
    if (accountIdTexts.size >= MAX_ACCOUNT_TEXTS) accountIdTexts.clear();
    text = encodeId('acct', accountId);
    accountIdTexts.set(accountId, text);
  }
  return text;
}
