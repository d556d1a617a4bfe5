/** An operation's latest state, as its events left it. Times are milliseconds since 1970. */
export interface OperationState {
  readonly id: string;
  readonly kind: string;
  readonly status: string;
  /** How many events were accepted, the stale ones included. */
  readonly version: number;
  readonly amount: number | null;
  readonly currency: string | null;
  readonly reference: string | null;
  readonly channel: string | null;
  readonly customer: Customer | null;
  readonly cause: Cause | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly createdAtMs: number;
  /** The time that counts of the event that made this state. */
  readonly updatedAtMs: number;
}

export interface Customer {
  readonly name: string | null;
  readonly email: string | null;
  readonly phone: string | null;
}

export interface Cause {
  readonly code: string | null;
  readonly description: string | null;
}

/** What an event reports of its operation: a field left out keeps its value, null clears it. */
export interface OperationReport {
  readonly id: string;
  readonly kind: string;
  readonly status: string;
  readonly amount?: number | null;
  readonly currency?: string | null;
  readonly reference?: string | null;
  readonly channel?: string | null;
  readonly customer?: Partial<Customer> | null;
  readonly cause?: Partial<Cause> | null;
  readonly metadata?: Readonly<Record<string, unknown>> | null;
}

export interface AppliedReport {
  /** The operation after the event. */
  readonly state: OperationState;
  /** The operation as the event carries it: `state`, or what was reported when the event is stale. */
  readonly snapshot: OperationState;
  readonly stale: boolean;
  readonly previousStatus: string | null;
}

/** A kind or a currency that an event would change; both are fixed by the first event that gives them. */
export interface OperationConflict {
  readonly field: 'kind' | 'currency';
  readonly current: string;
  readonly reported: string | null;
}

/**
 * Applies a report to an operation. The time that counts is the earlier of `occurredAtMs` and `acceptedAtMs`, so that
 * a producer's fast clock cannot hold a state for ever; a report whose time is before the state's own is stale and
 * changes nothing but the counter.
 */
export function applyReport(
  current: OperationState | null,
  report: OperationReport,
  occurredAtMs: number,
  acceptedAtMs: number,
): AppliedReport {
  const timeMs = Math.min(occurredAtMs, acceptedAtMs);
  const stale = current !== null && timeMs < current.updatedAtMs;
  const merged = merge(current, report, current?.createdAtMs ?? occurredAtMs, timeMs);
  const state = stale ? { ...current, version: merged.version } : merged;
  return { state, snapshot: merged, stale, previousStatus: current?.status ?? null };
}

export function findConflict(current: OperationState | null, report: OperationReport): OperationConflict | null {
  if (current === null) return null;
  if (report.kind !== current.kind) return { field: 'kind', current: current.kind, reported: report.kind };
  const { currency } = report;
  if (current.currency !== null && currency !== undefined && currency !== current.currency) {
    return { field: 'currency', current: current.currency, reported: currency };
  }
  return null;
}

function merge(
  current: OperationState | null,
  report: OperationReport,
  createdAtMs: number,
  updatedAtMs: number,
): OperationState {
  return {
    id: report.id,
    kind: report.kind,
    status: report.status,
    version: (current?.version ?? 0) + 1,
    amount: keep(report.amount, current?.amount),
    currency: keep(report.currency, current?.currency),
    reference: keep(report.reference, current?.reference),
    channel: keep(report.channel, current?.channel),
    customer: report.customer === undefined ? (current?.customer ?? null) : wholeCustomer(report.customer),
    cause: mergeCause(current, report),
    metadata: report.metadata === undefined ? (current?.metadata ?? {}) : (report.metadata ?? {}),
    createdAtMs,
    updatedAtMs,
  };
}

function keep<T>(reported: T | null | undefined, current: T | null | undefined): T | null {
  return reported === undefined ? (current ?? null) : reported;
}

function wholeCustomer(customer: Partial<Customer> | null): Customer | null {
  if (customer === null) return null;
  return { name: customer.name ?? null, email: customer.email ?? null, phone: customer.phone ?? null };
}

function mergeCause(current: OperationState | null, report: OperationReport): Cause | null {
  if (report.cause !== undefined) return wholeCause(report.cause);
  return current !== null && current.status === report.status ? current.cause : null;
}

/** A cause that says nothing is none: its two columns could not tell them apart. */
function wholeCause(cause: Partial<Cause> | null): Cause | null {
  const { code = null, description = null } = cause ?? {};
  return code === null && description === null ? null : { code, description };
}
