import type { Caller } from '../auth/caller.js';
import type { Credential } from '../auth/verification/authenticator.js';
import { encodeId } from '../common/ids.js';

/** Who did something, as logs and system events show it; `id` is the key's id, or the name of an admin key. */
export interface Actor {
  readonly type: 'key' | 'admin';
  readonly id: string;
  readonly name: string;
  readonly ip: string;
}

export function actorOfCaller({ apiKeyId, adminKeyName, actorName: name, ip }: Caller): Actor {
  if (apiKeyId === null) return { type: 'admin', id: adminKeyName ?? '', name, ip };
  return { type: 'key', id: encodeId('key', apiKeyId), name, ip };
}

export function actorOfCredential(credential: Credential, ip: string): Actor {
  const { name } = credential;
  if (credential.kind === 'admin') return { type: 'admin', id: name, name, ip };
  return { type: 'key', id: encodeId('key', credential.id), name, ip };
}
