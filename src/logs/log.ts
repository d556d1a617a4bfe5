import type { Caller, Mode } from '../auth/caller.js';
import { encodeId, NIL_ACCOUNT } from '../common/ids.js';
import { maskText } from '../common/masked-text.js';

export const LOG_CATEGORIES = ['operation', 'api', 'webhook', 'key', 'admin'] as const;
export type LogCategory = (typeof LOG_CATEGORIES)[number];

export const LOG_STATUSES = ['succeeded', 'failed', 'pending', 'info'] as const;
export type LogStatus = (typeof LOG_STATUSES)[number];

export const ACTOR_TYPES = ['key', 'admin', 'system'] as const;
export type ActorType = (typeof ACTOR_TYPES)[number];

/** Who did it; `id` is the key's id, or the name of an admin key. */
export interface LogActor {
  readonly type: ActorType;
  readonly id: string | null;
  readonly name: string | null;
  readonly ip: string | null;
}

export const SYSTEM_ACTOR: LogActor = { type: 'system', id: null, name: null, ip: null };

/** What a request log says of its request. */
export interface LogHttp {
  readonly method: string;
  /** The route's pattern, never the path. */
  readonly route: string;
  readonly status: number;
  readonly code: string | null;
  readonly duration_ms: number;
}

/** Whose logs: an account and mode, or the platform's own. */
export interface LogScope {
  readonly accountId: string;
  readonly mode: Mode | '';
}

export const PLATFORM_LOGS: LogScope = { accountId: NIL_ACCOUNT, mode: '' };

/** The one way to a log's actor: a name is a caller's text, so cards and keys in it are covered. */
export function logActorOf({
  apiKeyId,
  adminKeyName,
  actorName,
  ip,
}: Pick<Caller, 'apiKeyId' | 'adminKeyName' | 'actorName' | 'ip'>): LogActor {
  const name = maskText(actorName);
  if (apiKeyId === null) return { type: 'admin', id: adminKeyName, name, ip };
  return { type: 'key', id: encodeId('key', apiKeyId), name, ip };
}

/** Ours, and UUIDs and trace ids: a card's number among their digits would be chance. */
const ORDINARY_REQUEST_ID = /^(?:req_[0-9a-v]{26}|[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12})$/i;

/** A request's id as logs keep it, and as they are asked for it: callers choose theirs, and may choose badly. */
export function keptRequestId(requestId: string): string {
  return ORDINARY_REQUEST_ID.test(requestId) ? requestId : maskText(requestId);
}

/** What is looked for: ids from `from` on and before `until` (null: no end); an empty list lets all through. */
export interface LogFilters {
  readonly from: string;
  readonly until: string | null;
  readonly statuses: readonly LogStatus[];
  readonly categories: readonly LogCategory[];
  readonly actions: readonly string[];
  readonly operationIds: readonly string[];
  readonly eventIds: readonly string[];
  readonly endpointIds: readonly string[];
  readonly apiKeyIds: readonly string[];
  readonly requestIds: readonly string[];
  readonly occurredAfter: string | null;
  readonly occurredBefore: string | null;
  /** Of `searchTerms`; all must match. */
  readonly terms: readonly string[];
}
