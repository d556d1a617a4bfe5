import type { Clock } from '../../src/common/clock.js';
import { decodeId, newUuid, uuidTime } from '../../src/common/ids.js';
import { Database } from '../../src/database/database.js';
import type { LogCategory, LogStatus } from '../../src/logs/log.js';
import { LogWriter, type NewLog } from '../../src/logs/log-writer.js';
import type { Service } from './service.js';

export interface KnownLog {
  /** A uuid. */
  readonly id: string;
  readonly createdMs: number;
  readonly occurredMs: number;
  readonly category: LogCategory;
  readonly action: string;
  readonly status: LogStatus;
  readonly description: string;
  readonly operationId: string | null;
  readonly eventId: string | null;
  readonly endpointId: string | null;
  readonly apiKeyId: string | null;
  readonly requestId: string | null;
}

/** More than a search walks before it asks its index. */
const NEWER_LOGS = 3_300;
const KNOWN_LOGS = 320;
/** So many have one time of recording, so much before the next ones. */
const AT_ONCE = 4;
export const SPACING_MS = 3 * 3_600_000;
const DAY_MS = 86_400_000;

const SUBJECTS = ['Paiement', 'ENCAISSEMENT', 'encaissement', 'Webhook', 'Clé'];
const OUTCOMES = ['réussi', 'échoué', 'ÉCHOUÉ', 'en attente', 'Refusé'];
const PLACES = ['Cotonou', 'Abomey-Calavi', 'Sèmè-Kpodji', 'Cœur d’Ouidah', 'Île aux noix', 'İstanbul', 'Thiès'];
const ACTIONS = ['collect.failed', 'delivery.failed', 'note.made', 'api_key.created', 'request.refused'];
const CATEGORIES: readonly LogCategory[] = ['operation', 'webhook', 'operation', 'key', 'api'];
const STATUSES: readonly LogStatus[] = ['failed', 'succeeded', 'pending', 'info'];

/** Uuids that logs name, older than all of them. */
export interface NamedByLogs {
  readonly events: readonly string[];
  readonly endpoints: readonly string[];
  readonly keys: readonly string[];
}

export function namedByLogs(nowMs: number): NamedByLogs {
  const some = (count: number) => Array.from({ length: count }, (_, n) => newUuid(nowMs - 25 * DAY_MS, n));
  return { events: some(13), endpoints: some(3), keys: some(4) };
}

/** Its periods share no divisor, so that every pair of filters meets in some of them. */
function knownLog(n: number, { events, endpoints, keys }: NamedByLogs): Omit<NewLog, 'accountId' | 'mode'> {
  const isOf = (every: number, one: string): string | null => (n % every === 0 ? null : one);
  return {
    category: CATEGORIES[n % 5]!,
    action: ACTIONS[n % 5]!,
    status: STATUSES[n % 4]!,
    description: `${SUBJECTS[n % 3]} INV-${n % 17} ${OUTCOMES[Math.floor(n / 3) % 5]}: ${PLACES[n % 7]}`,
    operationId: isOf(6, `col_${n % 11}`),
    eventId: isOf(8, events[n % 13]!),
    endpointId: isOf(2, endpoints[n % 3]!),
    apiKeyId: isOf(3, keys[n % 4]!),
    requestId: isOf(5, `req-shared-${n % 19}`),
  };
}

/**
 * Writes logs of known content for the account's test mode, as the service does, in its live mode as well, and behind
 * them many newer ones without it; those of the test mode, newest first.
 */
export async function writeKnownLogs(service: Service, account: string, named: NamedByLogs): Promise<KnownLog[]> {
  const accountId = decodeId('acct', account);
  const newestMs = Date.now() - 60_000;
  const known: KnownLog[] = [];
  async function write(logs: readonly Omit<NewLog, 'accountId' | 'mode'>[], nowMs: number): Promise<void> {
    const clock = { now: () => new Date(nowMs) } as Clock;
    const writer = new LogWriter(service.app.get(Database), clock);
    await writer.write(logs.map((log) => ({ ...log, accountId, mode: 'live' as const })));
    const ids = await writer.write(logs.map((log) => ({ ...log, accountId, mode: 'test' as const })));
    known.push(...ids.map((id, index) => asKnown(id, logs[index]!)));
  }
  for (let n = 0; n < KNOWN_LOGS; n += AT_ONCE) {
    const createdMs = newestMs - ((KNOWN_LOGS - n) / AT_ONCE) * SPACING_MS;
    const logs = Array.from({ length: AT_ONCE }, (_, index) => knownLog(n + index, named));
    // One of them happened days before it was recorded.
    const early = { ...logs[0]!, occurredAt: new Date(createdMs - 3 * DAY_MS) };
    await write((n / AT_ONCE) % 5 === 0 ? [early, ...logs.slice(1)] : logs, createdMs);
  }
  const newer = { category: 'admin', action: 'newer', status: 'info', description: 'Newer' } as const;
  await write(
    Array.from({ length: NEWER_LOGS }, () => newer),
    newestMs,
  );
  return known.sort((a, b) => (a.id < b.id ? 1 : -1));
}

function asKnown(id: string, log: Omit<NewLog, 'accountId' | 'mode'>): KnownLog {
  const { category, action, status, description } = log;
  const { operationId = null, eventId = null, endpointId = null, apiKeyId = null, requestId = null } = log;
  const createdMs = uuidTime(id);
  const occurredMs = log.occurredAt?.getTime() ?? createdMs;
  const named = { operationId, eventId, endpointId, apiKeyId, requestId };
  return { id, createdMs, occurredMs, category, action, status, description, ...named };
}
