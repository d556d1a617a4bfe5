import type { VerifiedKey } from './verified-key.js';

/** What a bearer token proved to be. */
export type Credential = VerifiedKey | VerifiedAdminKey;

export interface VerifiedAdminKey {
  readonly kind: 'admin';
  /** Its name in `ADMIN_KEYS`. */
  readonly name: string;
}
