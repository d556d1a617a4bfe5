import type { Mode } from '../auth/caller.js';

export type EndpointStatus = 'enabled' | 'disabled';
export type DisabledReason = 'manual' | 'gone' | 'failing';

export const SIGNATURE_SCHEMES = ['standard', 'ed25519', 'timestamped'] as const;
export type SignatureScheme = (typeof SIGNATURE_SCHEMES)[number];

export const ORDERINGS = ['none', 'operation'] as const;
/** `operation`: one delivery of an operation at a time, in the order of its events. */
export type Ordering = (typeof ORDERINGS)[number];

export const DEFAULT_TIMEOUT_MS = 15_000;
export const MAX_ENDPOINTS = 50;

/** Which endpoint, in the order of its table's key. */
export interface EndpointRef {
  readonly accountId: string;
  readonly mode: Mode;
  readonly id: string;
}

/** How an endpoint's requests are signed; header and label are those of `timestamped` alone. */
export interface SignatureSettings {
  readonly scheme: SignatureScheme;
  readonly header: string | null;
  readonly label: string | null;
}
